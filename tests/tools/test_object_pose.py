"""6 DoF pose from simulated objects to scores, by the commands of the page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

CONFIG = "configs/epropnp_6dof/epropnp-6dof-v2_r18_small_synthetic.py"


def test_the_commands_of_the_page(run_script, repo_root, tmp_path):
    def run(tool: str, *arguments: str, status: int = 0) -> str:
        variables = {"SYNTHETIC_BOP_ROOT": "data", "CUDA_VISIBLE_DEVICES": ""}
        done = run_script(tmp_path, repo_root / f"tools/{tool}.py", *arguments, **variables)
        assert done.returncode == status, done.stderr
        return done.stderr.splitlines()[-1] if status else done.stdout

    size = ("--scenes", "1", "--images-per-scene", "2", "--image-size", "160x120")
    run("create_synthetic_bop", "--out", "data", *size, "--upright", "--workers", "1")
    config = str(repo_root / CONFIG)
    less = ("train_cfg.max_epochs=1", "train_cfg.val_interval=2", "train_dataloader.batch_size=4")
    said = run("train", config, "--work-dir", "work", "--cfg-options", *less)
    assert "loss_coords" in said
    said = run("test", config, "work/epoch_1.pth", "--work-dir", "work")
    scores = dict(re.findall(r"BOP/(\w[\w.]*): ([\d.]+)", said))
    assert {"ADD_0.1d", "AR_MSPD"} <= scores.keys()
    assert all(0 <= float(value) <= 1 for value in scores.values())

    run("test", config, "work/epoch_1.pth", "--work-dir", "work", "--show-dir", "painted")
    found = next((tmp_path / "data/test").iterdir()).name
    painted = [path.name for path in (tmp_path / "painted").iterdir()]
    assert painted and all(re.fullmatch(rf"{found}_00000\d_obj_\d+\.png", p) for p in painted)

    place = ("--split", "test", "--scene", str(int(found)), "--image", "0")
    said = run("infer", config, "work/epoch_1.pth", "data", *place, "--out", "results")
    (image,) = json.loads((tmp_path / "results/predictions.json").read_text())["images"]
    objects = image["objects"]
    assert f"results/predictions.json: {len(objects)} poses in 1 images" in said
    assert [path.name for path in (tmp_path / "results/pictures").iterdir()] == [
        "000000_000000.png"
    ]

    said = run("infer", config, "work/epoch_1.pth", "data", "--out", "all", "--no-pictures")
    assert " poses in 2 images" in said

    # The first of them again, by its box.
    (tmp_path / "camera.json").write_text(json.dumps(image["cam2img"]))
    box = [str(number) for number in objects[0]["box"]]
    words = ("--object", str(objects[0]["obj_id"]), "--box", *box, "--no-pictures")
    camera = ("--cam2img", "camera.json", "--out", "again")
    run("infer", config, "work/epoch_1.pth", image["path"], *words, *camera)
    (other,) = json.loads((tmp_path / "again/predictions.json").read_text())["images"]
    assert other["objects"][0]["valid"] == objects[0]["valid"]
    if objects[0]["valid"]:
        moved = np.subtract(other["objects"][0]["translation"], objects[0]["translation"])
        assert np.abs(moved).max() < 1e-2 * np.abs(objects[0]["translation"]).max()


def test_data_set_in_bops_format_asks_for_poses(fails, repo_root):
    Path("data/test/000001").mkdir(parents=True)
    Path("data/test/000001/scene_camera.json").write_text("{}")
    torch.save({"state_dict": {}}, "weights.pth")
    detector = repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    said = fails("infer", detector, "weights.pth", "data", "--out", "out")
    assert "one that tells poses of known objects in boxes is asked for" in said
    said = fails("infer", detector, "weights.pth", "data", "--fit", "--out", "out")
    assert "--fit is for a detector, and data for poses of known objects" in said


@pytest.mark.parametrize("tool", ["infer", "calibrate"])
def test_tools_of_detectors_say_so(tool, fails, repo_root):
    torch.save({"state_dict": {}}, "weights.pth")
    street = repo_root / "examples/street.jpg"
    image = [street, "--cam2img", street.with_suffix(".json")] if tool == "infer" else []
    words = [repo_root / CONFIG, "weights.pth", *image, "--out", "out"]
    assert "a detector is asked for" in fails(tool, *words)
    assert not Path("out").exists()
