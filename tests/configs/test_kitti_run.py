"""Training on a few frames in KITTI's layout, then validation and flip test, as the scripts run."""

import math
from pathlib import Path

import pytest
from kitti_layout import CLASSES, write_kitti
from mmengine import Config, ConfigDict
from mmengine.runner import Runner

from epropnp_det.datasets import create_kitti_infos
from epropnp_det.engine import EProPnPRunner
from epropnp_det.engine.config import load_config

CONFIG = "configs/epropnp_det/epropnp-det-v2_r101-dcn_fpn_4xb3-12e_kitti-mono3d.py"
LEVELS = ("easy", "moderate", "hard")


@pytest.fixture
def config(repo_root, narrow, tmp_path, monkeypatch) -> Config:
    root = write_kitti(tmp_path / "kitti", 3, 2, per_class=2)
    create_kitti_infos(root)
    monkeypatch.setenv("KITTI_ROOT", str(root))
    loaders = ("val_dataloader", "test_dataloader")
    options = {
        **narrow,
        "work_dir": str(tmp_path / "work"),
        "experiment_name": tmp_path.name,
        "visualizer.name": tmp_path.name,
        "train_cfg.max_epochs": 1,
        "train_cfg.val_interval": 1,
        "model.test_cfg.score_thr": 0.0,
        "model.test_cfg.max_per_img": 3,
        "default_hooks.logger.interval": 1,
        "default_hooks.checkpoint.save_best": "auto",
        **{f"{loader}.num_workers": 0 for loader in loaders},
        **{f"{loader}.persistent_workers": False for loader in loaders},
    }
    return load_config(str(repo_root / CONFIG), options)


def test_training_and_tests(config):
    runner = EProPnPRunner.from_cfg(config)
    runner.train()
    logged = {key: value.current() for key, value in runner.message_hub.log_scalars.items()}
    losses = {key: value for key, value in logged.items() if key.startswith("train/loss_")}
    assert all(math.isfinite(value) for value in losses.values())
    assert {"train/loss_pose", "train/loss_regr", "train/loss_depth"} <= losses.keys()
    assert not {"train/loss_velocity", "train/loss_attr"} & losses.keys()
    assert losses["train/loss_regr"] != 0  # LiDAR points have reached the objects
    name = "val/Kitti metric/pred_instances_3d/KITTI/{}_3D_AP40_{}_strict"
    for which in CLASSES:
        assert all(0 <= logged[name.format(which, level)] <= 100 for level in LEVELS)
    (metric,) = runner.val_evaluator.metrics
    names = metric.score_names.with_prefix(f"val/{metric.prefix}")
    assert set(names.higher) <= logged.keys() and names.main in names.higher
    assert not names.lower
    best = [path.name for path in Path(runner.work_dir).glob("best_*")]
    assert best in ([], ["best_Overall_3D_AP40_moderate_epoch_1.pth"])

    config.test_dataloader.dataset.pipeline = config.tta_pipeline
    config.model = ConfigDict(**config.tta_model, module=config.model)
    found = []
    config.experiment_name += "_tta"
    tester = Runner.from_cfg(config)
    tester.model.load_state_dict(
        {f"module.{key}": value for key, value in runner.model.state_dict().items()}, strict=False
    )
    for batch in tester.test_dataloader:
        found += tester.model.test_step(batch)
    for sample in found:
        boxes = sample.pred_instances_3d
        assert len(boxes) > 0 and boxes.bboxes_3d.box_dim == 7
        assert not {"attr_labels", "attr_scores"} & set(boxes.keys())
        assert sample.cam2img.shape == (3, 3)
