"""From a dataset in a format of its own to predictions, by the commands of the page."""

import json
import os
import pickle

import numpy as np
import pytest


@pytest.fixture
def run(run_script, repo_root, tmp_path):
    """Run a script of the repository in a folder of its own."""

    def run(script: str, *arguments: str) -> str:
        path = f"{repo_root}{os.pathsep}{repo_root / 'examples/custom_data'}"
        done = run_script(tmp_path, repo_root / script, *arguments, PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_commands_of_the_page(run, repo_root, tmp_path):
    run("examples/custom_data/make_toy_data.py", "data/yard", "--images", "3")
    printed = run("examples/custom_data/convert.py", "data/yard")
    assert "3 images" in printed and "forklift" in printed
    check_infos(tmp_path / "data/yard")

    config = str(repo_root / "examples/custom_data/config.py")
    less = ("train_cfg.max_epochs=1", "model.train_cfg.samples_per_img=4")
    run("tools/train.py", config, "--cfg-options", *less)
    more = ("--cam2img", "data/yard/camera.json", "--out", "results", "--no-pictures")
    options = ("--score-thr", "0", "--cfg-options", "model.test_cfg.score_thr=0")
    options = (*options, "model.test_cfg.max_per_img=4")
    weights = "work_dirs/config/epoch_1.pth"
    run("tools/infer.py", config, weights, "data/yard/images/0000.png", *more, *options)
    (image,) = json.loads((tmp_path / "results/predictions.json").read_text())["images"]
    assert image["boxes"] and {box["name"] for box in image["boxes"]} <= {"forklift", "pallet"}
    assert all(box["attribute"] is None for box in image["boxes"])


def check_infos(root):
    """Boxes of the info file against the labels, and the boxes in the image against the paint."""
    infos = pickle.loads((root / "infos_train.pkl").read_bytes())
    for frame in infos["data_list"]:
        labels = json.loads((root / f"labels/{frame['token']}.json").read_text())
        objects = frame["cam_instances"]["CAM"]
        assert len(objects) == len(labels)
        for entry, label in zip(objects, labels, strict=True):
            x, y, z, *size, yaw = entry["bbox_3d"]
            assert [x, z] == label["on_ground_at"] and size == label["length_height_width"]
            assert y + size[1] / 2 == pytest.approx(1.5)
            assert np.rad2deg(yaw) == pytest.approx(label["heading_degrees"])
