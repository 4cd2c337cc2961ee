"""tools/calibrate.py on a few frames, with random weights."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from kitti_layout import write_kitti
from random_network import KEEP_SOME, save_random_weights

from epropnp_det.datasets import create_kitti_infos
from epropnp_det.engine.config import load_config

CONFIG = """
_base_ = "{base}"
dataset = dict(
    _delete_=True,
    type="KittiMonoDataset",
    data_root="{root}",
    ann_file="kitti_infos_val.pkl",
    test_mode=True,
    metainfo=dict(classes=("Car", "Pedestrian", "Cyclist")),
    pipeline=[_base_.load_image, _base_.pack_test],
)
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dataset)
coder = dict(means=[(3.9, 1.6, 1.6), (0.8, 1.7, 0.6), (1.8, 1.7, 0.6)], stds=[(0.2, 0.2, 0.2)] * 3)
model = dict(
    dense_head=dict(num_classes=3),
    bbox_head=dict(num_classes=3, dim_coder=coder),
    test_cfg=dict(score_thr=0.0, max_per_img=200),
)
"""


@pytest.fixture
def arguments(repo_root: Path, tmp_path: Path) -> list[str]:
    """A config with a validation set, and random weights that fit it."""
    root = write_kitti(tmp_path / "kitti", 0, 2)
    create_kitti_infos(root)
    base = repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    config = tmp_path / "config.py"
    config.write_text(CONFIG.format(base=base, root=root))
    weights = save_random_weights(load_config(str(config), KEEP_SOME), tmp_path / "random.pth")
    return [str(config), str(weights), "--device", "cpu"]


@pytest.fixture
def calibrate(import_tool: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def run(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["calibrate", *arguments])
        import_tool("calibrate").main()

    return run


def test_table_numbers_and_picture(calibrate, arguments, tmp_path, capsys):
    out = tmp_path / "out"
    calibrate(*arguments, "--out", str(out), "--mc-samples", "64", "--score-thr", "0.0")
    content = json.loads((out / "calibration.json").read_text())
    assert content["mc_samples"] == 64
    count = content["coverage"]["pose"]["count"]
    assert content["num_objects"] == 48 and 0 <= count <= 48
    for name in ("pose", "depth", "yaw"):
        levels, coverage = content["levels"][name], content["coverage"][name]
        assert len(levels) == count and all(0 <= level <= 1 for level in levels)
        for mass, share in zip(coverage["nominal"], coverage["observed"], strict=True):
            inside = sum(level <= mass for level in levels)
            assert share == (inside / count if count else None)
    assert cv2.imread(str(out / "calibration.png")) is not None
    assert f"{count} of 48 objects found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mc-samples", "63"], "mc_samples is 63: give a positive multiple of mc_rounds"),
        (["--score-thr", "1"], "none of the 48 objects was found with a score of 1 or more"),
        (["--device", "abacus"], "no device 'abacus'"),
        (["--cfg-options", "val_dataloader=None"], "has no val_dataloader"),
        (["--cfg-options", "val_dataloader.dataset.ann_file=absent.pkl"], "absent.pkl"),
        (["--cfg-options", "val_dataloader.dataset.load_eval_anns=False"], "no ground truth"),
    ],
)
def test_wrong_arguments(fails, arguments, tmp_path, options, said):
    assert said in fails("calibrate", *arguments, "--out", str(tmp_path / "out"), *options)
    assert not (tmp_path / "out").exists()
