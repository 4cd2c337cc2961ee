"""The flagship config on a real keyframe, as it is: full size, on a CPU, an image a step."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from mmdet.models import ResNet

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.engine import check_checkpoint

NAME = "epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"
ONE_STEP = (
    "train_dataloader.batch_size=1",
    "train_dataloader.num_workers=1",
    "train_dataloader.num_batch_per_epoch=1",
    "val_dataloader.num_workers=0",
    "val_dataloader.num_batch_per_epoch=1",
    "val_evaluator.eval_set=mini_train",
    "train_cfg.val_interval=1",
    "default_hooks.checkpoint.max_keep_ckpts=1",
    "default_hooks.checkpoint.save_best=NDS",
)


@pytest.fixture(scope="module")
def dataroot(keyframe_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keyframe, prepared; it is trained and validated on."""
    root = tmp_path_factory.mktemp("keyframe") / "data root"
    shutil.copytree(keyframe_root, root, copy_function=shutil.copyfile)
    create_nuscenes_infos(root, "v1.0-mini")
    shutil.copy(root / "nuscenes_infos_train.pkl", root / "nuscenes_infos_val.pkl")
    return root


def test_one_step_checkpoint_resume_and_validation(run_script, repo_root, dataroot, tmp_path):
    torch.save(ResNet(101).state_dict(), tmp_path / "resnet101.pth")
    backbone = "model.backbone.init_cfg.checkpoint=resnet101.pth"
    config = repo_root / "configs/epropnp_det" / NAME

    def train(config: Path, *arguments: str) -> str:
        done = run_script(
            tmp_path,
            repo_root / "tools/train.py",
            config,
            "--work-dir",
            "work",
            *arguments,
            NUSCENES_ROOT=str(dataroot),
            CUDA_VISIBLE_DEVICES="",
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = train(config, "--cfg-options", backbone, *ONE_STEP, "train_cfg.max_epochs=1")
    assert "Epoch(train) [1][1/1]" in said and "NuScenes/NDS" in said
    assert said.partition("Epoch(train)")[0].count("\n") < 60
    first = check_checkpoint(tmp_path / "work/epoch_1.pth")
    # The written config says everything that the first call said.
    said = train(tmp_path / "work" / NAME, "--resume", "--cfg-options", "train_cfg.max_epochs=2")
    assert "Epoch(train) [2][1/1]" in said and "Epoch(train) [1]" not in said
    assert len(re.findall(r"Epoch\(val\) \[2\].*NDS", said)) == 1
    second = check_checkpoint(tmp_path / "work/epoch_2.pth")
    assert second["meta"]["iter"] == 2
    trained = "bbox_head.features.key_proj.weight"
    assert not torch.equal(first["state_dict"][trained], second["state_dict"][trained])
    frozen = "backbone.layer1.0.conv1.weight"
    assert torch.equal(first["state_dict"][frozen], second["state_dict"][frozen])
    best = [path.name for path in (tmp_path / "work").glob("best_*")]
    assert best == ["best_NDS_epoch_1.pth"]  # both are 0
