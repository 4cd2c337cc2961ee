"""Every config loads and builds; the published ones, shrunk by overrides alone, train."""

import math
from pathlib import Path

import pytest
import torch
from mmdet3d.registry import METRICS, MODELS, TRANSFORMS
from mmengine import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from epropnp_det.engine.config import load_config

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "epropnp_det"
CONFIGS = sorted(path.name for path in FOLDER.glob("*.py"))
NAME = "epropnp-det-{}_r101-dcn_fpn_4xb3-12e_nus-mono3d{}.py"

TERMS = {
    "loss_cls",
    "loss_centerness",
    "loss_center",
    "loss_dim",
    "loss_score",
    "loss_reg_pos",
    "loss_reg_orient",
    "loss_velocity",
    "loss_attr",
}
AUXILIARY_TERMS = {"loss_proj", "loss_regr", "loss_depth", "loss_bbox"}
V1 = dict(
    stride=4,
    points=32,
    region=28,
    samples=512,
    steps=[10, 11],
    classes=False,
    weights=dict(loss_pose=0.15, loss_proj=0.5, loss_regr=0.25),
)
BASIC = dict(V1, weights=dict(loss_pose=0.15, loss_proj=0.5))
V1B = dict(V1, stride=8, points=16, region=14)
V1B_220411 = dict(V1B, samples=128, classes=True, weights=dict(V1["weights"], loss_pose=0.5))
V2 = dict(
    V1B_220411,
    steps=[9, 11],
    weights=dict(loss_pose=0.5, loss_proj=0.5, loss_regr=2.5, loss_depth=1.5, loss_bbox=0.5),
)
PUBLISHED = {
    NAME.format("basic", ""): BASIC,
    NAME.format("coord-regr", ""): V1,
    NAME.format("coord-regr", "-trainval"): V1,
    NAME.format("no-reproj", ""): dict(BASIC, weights=dict(loss_pose=0.15)),
    NAME.format("v1b-220312", ""): V1B,
    NAME.format("v1b-220411", ""): V1B_220411,
    NAME.format("v2", ""): V2,
    NAME.format("v2", "-trainval"): V2,
}


def learns_from_lidar(name: str) -> bool:
    return "loss_regr" in PUBLISHED[name]["weights"]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope("mmdet3d")


def train_sets(cfg: Config) -> list[dict]:
    dataset = cfg.train_dataloader.dataset
    return dataset.get("datasets", [dataset])


@pytest.mark.parametrize("name", CONFIGS)
def test_everything_builds(name):
    cfg = Config.fromfile(FOLDER / name)
    model = MODELS.build(cfg.model)
    for pipeline in (
        *(dataset.pipeline for dataset in train_sets(cfg)),
        cfg.test_dataloader.dataset.pipeline,
        cfg.tta_pipeline,
    ):
        for step in pipeline:
            TRANSFORMS.build(step)
    METRICS.build(cfg.test_evaluator)
    MODELS.build(dict(cfg.tta_model, module=model))
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    offsets = dict(model.named_parameters())["bbox_head.point_sampler.sampling_offsets.weight"]
    (offset_rate,) = (group["lr"] for group in groups if group["params"][0] is offsets)
    assert offset_rate == pytest.approx(0.1 * cfg.optim_wrapper.optimizer.lr)
    assert cfg.auto_scale_lr.base_batch_size == 12


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_design(name):
    cfg, design = load_config(str(FOLDER / name)), PUBLISHED[name]
    model = MODELS.build(cfg.model)
    head = model.bbox_head
    assert head.features.stride == head.point_sampler.stride == design["stride"]
    assert head.point_sampler.num_points == design["points"]
    assert head.pnp.mc_samples == design["samples"]
    losses = {"loss_pose": head.loss_pose, "loss_bbox": model.dense_head.loss_bbox}
    if head.auxiliary:
        assert head.auxiliary.region_size == design["region"]
        losses |= {name: getattr(head.auxiliary, name) for name in AUXILIARY_TERMS - losses.keys()}
    weights = {name: loss.loss_weight for name, loss in losses.items() if loss}
    assert weights == design["weights"]
    assert (head.class_embedding is not None) == design["classes"]
    assert cfg.param_scheduler[1].milestones == design["steps"]
    assert cfg.train_dataloader.batch_size * 4 == 12
    for dataset in train_sets(cfg):
        steps = [step.type for step in dataset.pipeline]
        assert ("LoadCameraLidarPoints" in steps) == learns_from_lidar(name)
        assert ("points" in dataset.pipeline[-1]["keys"]) == learns_from_lidar(name)
    trainval = name.endswith("trainval.py")
    splits = ["train", "val"] if trainval else ["train"]
    files = [Path(dataset.ann_file).name for dataset in train_sets(cfg)]
    assert files == [f"nuscenes_infos_{split}.pkl" for split in splits]
    assert (cfg.val_dataloader is None) == (cfg.val_cfg is None) == trainval
    assert cfg.test_evaluator.get("format_only", False) == trainval


@pytest.mark.parametrize("name", PUBLISHED)
def test_training(shrunk, name):
    cfg = shrunk(name)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    assert len(loader.dataset) == (24 if name.endswith("trainval.py") else 12)
    model = MODELS.build(cfg.model).train()
    model.init_weights()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    batches = iter(loader)
    for _ in range(2):
        batch = next(batches)
        assert ("points" in batch["inputs"]) == learns_from_lidar(name)
        logged = model.train_step(batch, optimizer)
        assert {key for key in logged if "loss_" in key} == TERMS | PUBLISHED[name][
            "weights"
        ].keys()
        for key, value in logged.items():
            assert math.isfinite(value), key
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_points_reach_the_model(shrunk):
    """In metres, in the frame of the camera as the model knows it, seen by the padded image."""
    cfg = shrunk(NAME.format("v2", ""))
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    preprocessor = MODELS.build(cfg.model.data_preprocessor)
    flips, num_points = set(), 0
    for batch in loader:
        data = preprocessor(batch, training=True)
        points, samples = data["inputs"]["points"], data["data_samples"]
        assert data["inputs"]["imgs"].shape[-2:] == (96, 192)
        for xyz, sample in zip(points, samples, strict=True):
            assert xyz.dtype == torch.float32 and xyz.shape[1:] == (3,)
            pixels = xyz @ torch.as_tensor(sample.cam2img, dtype=torch.float32).T
            pixels = pixels[:, :2] / pixels[:, 2:]
            assert (xyz[:, 2] > 0).all() and (pixels >= -1e-3).all()
            assert (pixels <= torch.tensor([192.001, 84.001])).all()
            flips.add(sample.flip)
            num_points += len(xyz)
    assert flips == {False, True} and num_points > 100


@pytest.mark.parametrize("path", sorted(FOLDER.parent.glob("[a-z]*/*.py")), ids=lambda p: p.stem)
def test_written_config_is_the_same(path, tmp_path):
    written_config_is_the_same(path, tmp_path)


@pytest.mark.parametrize("path", sorted(FOLDER.parent.glob("learning/*.py")), ids=lambda p: p.stem)
def test_written_full_config_is_the_same(path, tmp_path, monkeypatch):
    monkeypatch.setenv("LEARNING_SIZE", "full")
    written_config_is_the_same(path, tmp_path)


def written_config_is_the_same(path, tmp_path):
    """A run leaves its config in the work folder, for the test and for others."""
    cfg = load_config(path)
    cfg.dump(tmp_path / path.name)
    assert load_config(tmp_path / path.name).to_dict() == cfg.to_dict()
    # Read by the stock scripts, too.
    assert Config.fromfile(tmp_path / path.name).to_dict() == cfg.to_dict()
