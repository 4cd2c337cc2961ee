"""Training on a few simulated frames in TruckScenes' format, then its devkit's evaluation."""

import math

import pytest
import torch
from mmengine import Config

from epropnp_det.apis import EProPnPDet3DInferencer
from epropnp_det.engine import EProPnPRunner
from epropnp_det.engine.checkpoint import check_checkpoint
from epropnp_det.engine.config import load_config

CONFIG = "configs/epropnp_det/epropnp-det-v2_r101-dcn_fpn_4xb3-12e_truckscenes-mono3d.py"


@pytest.fixture
def config(repo_root, narrow, truck_root, tmp_path, monkeypatch) -> Config:
    monkeypatch.setenv("TRUCKSCENES_ROOT", str(truck_root))
    loaders = ("val_dataloader", "test_dataloader")
    options = {
        **narrow,
        "work_dir": str(tmp_path / "work"),
        "experiment_name": tmp_path.name,
        "visualizer.name": tmp_path.name,
        "train_dataloader.dataset.pipeline.2.rows": 28,
        "train_cfg.max_epochs": 1,
        "train_cfg.val_interval": 1,
        "model.test_cfg.score_thr": 0.0,
        "model.test_cfg.max_per_img": 3,
        **{f"{loader}.dataset.pipeline.1.rows": 28 for loader in loaders},
        **{f"{loader}.num_workers": 0 for loader in loaders},
        **{f"{loader}.persistent_workers": False for loader in loaders},
    }
    return load_config(str(repo_root / CONFIG), options)


def test_training_evaluation_and_inference(config, truck_root, truck_rig, tmp_path):
    runner = EProPnPRunner.from_cfg(config)
    runner.train()
    logged = {key: value.current() for key, value in runner.message_hub.log_scalars.items()}
    losses = {key: value for key, value in logged.items() if key.startswith("train/loss_")}
    assert all(math.isfinite(value) for value in losses.values())
    assert losses["train/loss_attr"] > 0 and losses["train/loss_regr"] != 0
    name = "val/NuScenes metric/pred_instances_3d_NuScenes/{}"
    assert 0 <= logged[name.format("NDS")] <= 1
    for each in truck_rig.classes:
        assert 0 <= logged[name.format(f"{each}_AP_dist_2.0")] <= 1

    path = str(tmp_path / "work" / "epoch_1.pth")
    meta = check_checkpoint(path)["meta"]["dataset_meta"]
    assert tuple(meta["classes"]) == truck_rig.classes
    infer = EProPnPDet3DInferencer(config, path, device="cpu")
    found = infer(
        str(truck_root / "truckscenes_infos_val.pkl"), cameras=["CAMERA_LEFT_FRONT"], score_thr=0.0
    )
    boxes = [box for image in found["predictions"] for box in image["boxes"]]
    assert boxes and {box["name"] for box in boxes} <= set(truck_rig.classes)
    for box in boxes:
        fitting = truck_rig.kit.fitting_attributes(box["name"])
        assert box["attribute"] in fitting if fitting else box["attribute"] is None
    assert torch.isfinite(torch.tensor([box["center"] for box in boxes])).all()
