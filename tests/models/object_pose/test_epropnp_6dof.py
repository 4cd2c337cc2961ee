"""The small network of the configs, in what mmengine's loops ask for."""

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.optim import OptimWrapper

from epropnp_det.engine.config import load_config
from epropnp_det.models.object_pose import EProPnP6DoF, ObjectPoseHead


@pytest.fixture
def model(repo_root) -> EProPnP6DoF:
    path = repo_root / "configs/epropnp_6dof/epropnp-6dof-v2_r18_small_synthetic.py"
    config = load_config(str(path)).model
    config.backbone.base_channels = 8
    config.coordinate_head.update(in_channels=64, channels=8, num_stages=2)
    config.train_cfg.update(num_points=32, mc_samples=16)
    model = MODELS.build(config)
    model.init_weights()
    return model


@pytest.fixture
def batch(make_crops):
    _, samples = make_crops(batch=2)
    return dict(
        inputs=list(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)), data_samples=samples
    )


def test_training_step_moves_every_parameter(model, batch):
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1.0))
    for _ in range(2):  # weight logits start at zero weights, which hide what is before them
        logged = model.train_step(batch, optimizer)
    losses = {"loss_pose", "loss_reg_pos", "loss_reg_orient", "loss_coords"}
    assert logged.keys() == losses | {"loss"}
    moved = {
        name for name, value in model.named_parameters() if not torch.equal(value, before[name])
    }
    assert moved == before.keys()


def test_prediction(model, batch):
    first, second = model.test_step(batch)
    assert [sample.gt_index for sample in (first, second)] == [0, 1]
    for sample in (first, second):
        assert sample.pred_pose.shape == (7,) and sample.pred_cov.shape == (6, 6)
        assert sample.pred_pose[3:].norm().item() == pytest.approx(1, abs=1e-5)
        assert sample.pred_score in (0.0, 0.75)
    assert first.to_dict()["crop_size"] == first.crop_size  # as the metric gets it


def test_what_is_attached_where_it_is_asked_for(model, batch):
    (plain, _) = model.test_step(batch)
    assert not {"pred_coords", "pred_weights", "pose_samples"} & set(plain.keys())
    everything = dict(return_correspondences=True, return_posterior=True, mc_samples=16)
    model.pose_head = ObjectPoseHead(test_cfg=everything)
    for sample in model.test_step(batch):
        assert sample.pred_coords.shape == (3, 8, 8) and sample.pred_weights.shape == (2, 8, 8)
        assert sample.pose_samples.shape == (16, 7) and sample.pose_log_weights.shape == (16,)
        assert isinstance(sample.pred_valid, bool) and sample.pred_cost >= 0


def test_crop_without_a_pose_has_no_score(model, batch):
    torch.nn.init.constant_(model.coordinate_head.out_layer.bias, torch.nan)
    for sample in model.val_step(batch):
        assert sample.pred_score == 0 and sample.pred_pose.isfinite().all()


def test_images_are_divided_by_255_and_stay_bgr(model, batch):
    inputs = model.data_preprocessor(batch)["inputs"]
    expected = torch.stack(batch["inputs"]).float() / 255
    torch.testing.assert_close(inputs, expected)


def test_maps_alone_and_unknown_modes(model, batch):
    inputs = model.data_preprocessor(batch)["inputs"]
    assert model(inputs).coords.shape == (2, 3, 8, 8)
    with pytest.raises(ValueError, match="mode must be loss, predict or tensor"):
        model(inputs, mode="train")
