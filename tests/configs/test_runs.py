"""A training with validation losses and a flip test, as the scripts run them."""

import json
import math

import pytest
from mmengine import Config, ConfigDict
from mmengine.runner import Runner

V2 = "epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"
NDS = "NuScenes metric/pred_instances_3d_NuScenes/NDS"
RANDOM_STEPS = ("RandomFlipMono3D", "mmdet.PhotoMetricDistortion")


@pytest.fixture
def config(shrunk, demo_root, tmp_path) -> Config:
    cfg = shrunk(V2)
    loader = dict(num_workers=0, persistent_workers=False)
    evaluator = dict(data_root=str(demo_root), ann_file=str(demo_root / "nuscenes_infos_val.pkl"))
    cfg.merge_from_dict(
        dict(
            work_dir=str(tmp_path),
            experiment_name=tmp_path.name,
            visualizer=dict(name=tmp_path.name),
            val_dataloader=loader,
            test_dataloader=loader,
            val_evaluator=evaluator,
            test_evaluator=evaluator,
            train_cfg=dict(max_epochs=1, val_interval=1),
            model=dict(test_cfg=dict(score_thr=0.0, max_per_img=3)),
            default_hooks=dict(logger=dict(interval=1)),
        )
    )
    return cfg


def test_validation_losses_are_logged(config, tmp_path):
    steps = config.train_pipeline
    config.val_dataloader.dataset.update(
        test_mode=False, pipeline=[step for step in steps if step.type not in RANDOM_STEPS]
    )
    config.val_dataloader.dataset.pipeline[2].rows = 28
    runner = Runner.from_cfg(config)
    runner.train()
    losses = {
        key: value.current()
        for key, value in runner.message_hub.log_scalars.items()
        if key.startswith("val/loss_")
    }
    trained = {key for key in runner.message_hub.log_scalars if key.startswith("train/loss_")}
    assert {key.replace("val", "train") for key in losses} == trained
    assert all(math.isfinite(value) for value in losses.values())
    total = runner.message_hub.get_scalar("val/val_loss").current()
    assert total == pytest.approx(sum(losses.values()))
    (log,) = tmp_path.glob("*/vis_data/scalars.json")
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["loss_pose"] == pytest.approx(losses["val/loss_pose"])
    assert NDS in last


def test_flip_test_with_all_that_can_be_attached(config):
    config.model.test_cfg.update(
        return_posterior=True, return_correspondences=True, mc_scoring_ratio=0.5, mc_samples=16
    )
    # As mmdet3d's tools/test.py and ours do with --tta.
    config.test_dataloader.dataset.pipeline = config.tta_pipeline
    config.test_dataloader.dataset.pipeline[1].rows = 28
    config.model = ConfigDict(**config.tta_model, module=config.model)
    runner = Runner.from_cfg(config)
    metrics = runner.test()
    assert math.isfinite(metrics[NDS])
