"""tools/infer.py on a small network with random weights."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from random_network import CAM2IMG, KEEP_SOME, save_camera, save_images, save_random_weights

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.engine.config import load_config
from epropnp_det.synthetic import Settings, generate


@pytest.fixture
def arguments(repo_root: Path, tmp_path: Path) -> list[str]:
    """Arguments up to the folder of images, and their camera."""
    config = repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    weights = save_random_weights(load_config(str(config)), tmp_path / "random.pth")
    (tmp_path / "images").mkdir()
    images = save_images(tmp_path / "images")
    camera = save_camera(tmp_path / "camera.json")
    options = [f"{key}={value}" for key, value in KEEP_SOME.items()]
    everything = [config, weights, images, "--cam2img", camera, "--device", "cpu"]
    return [*map(str, everything), "--cfg-options", *options]


@pytest.fixture
def infer(import_tool: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def run(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["infer", *arguments])
        import_tool("infer").main()

    return run


def test_folder_in_a_batch(infer, arguments, tmp_path, capsys):
    out = tmp_path / "out"
    infer(*arguments, "--out", str(out), "--batch-size", "2", "--score-thr", "0")
    images = json.loads((out / "predictions.json").read_text())["images"]
    counts = [len(image["boxes"]) for image in images]
    assert len(counts) == 2 and min(counts) > 0
    said = capsys.readouterr()
    assert f"{out}/predictions.json: {sum(counts)} boxes in 2 images\n" in said.out
    assert "2/2" in said.err
    pictures = sorted(path.name for path in out.glob("pictures/*"))
    assert pictures == ["000000_a.png", "000001_b.png"]


def test_score_threshold_and_no_pictures(infer, arguments, tmp_path):
    infer(*arguments, "--out", str(tmp_path / "out"), "--no-pictures", "--score-thr", "1")
    content = json.loads((tmp_path / "out/predictions.json").read_text())
    assert [image["boxes"] for image in content["images"]] == [[], []]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions.json"]


def test_one_camera_of_an_info_file(infer, arguments, tmp_path):
    generate(Settings(2, 1, 1, image_size=(192, 112)), tmp_path / "data")
    create_nuscenes_infos(tmp_path / "data", "v1.0-mini", tmp_path)
    arguments[2:5] = [str(tmp_path / "nuscenes_infos_val.pkl"), "--data-root", f"{tmp_path}/data"]
    arguments += ["test_dataloader.dataset.pipeline.1.rows=28", "--camera", "CAM_FRONT", "CAM_BACK"]
    infer(*arguments, "--out", str(tmp_path / "out"), "--no-pictures")
    images = json.loads((tmp_path / "out/predictions.json").read_text())["images"]
    assert [image["camera"] for image in images] == ["CAM_FRONT", "CAM_BACK"]


def test_fit(infer, arguments, tmp_path):
    """Images and camera of twice the size give the boxes of the size that was trained on."""
    ends = dict(width=[400, 400], focal=[320.0, 320.0])
    view = {
        "image": dict(ends, height=[224, 224], row=[122.0, 122.0]),
        "input": dict(ends, height=[168, 168], row=[66.0, 66.0]),
    }
    weights = torch.load(arguments[1], weights_only=True)
    torch.save({**weights, "meta": {"training_view": view}}, arguments[1])
    infer(*arguments, "--out", str(tmp_path / "plain"), "--score-thr", "0")
    for path in (tmp_path / "images").glob("*.*g"):
        # Each pixel four times, which a resize by half takes back.
        pixels = cv2.imread(str(path)).repeat(2, 0).repeat(2, 1)
        cv2.imwrite(str(path.with_suffix(".png")), pixels)
    (tmp_path / "images/a.jpg").unlink()
    camera = (np.diag([2, 2, 1]) @ CAM2IMG).tolist()
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    infer(*arguments, "--out", str(tmp_path / "fit"), "--score-thr", "0", "--fit")
    plain, fitted = (
        json.loads((tmp_path / name / "predictions.json").read_text())["images"]
        for name in ("plain", "fit")
    )
    for one, other in zip(plain, fitted, strict=True):
        assert one["boxes"] and other["boxes"] == one["boxes"]
        assert other["cam2img"] == camera


@pytest.mark.parametrize(
    ("position", "replacement", "said"),
    [
        (0, "absent.py", "absent.py"),
        (1, "absent.pth", "the checkpoint absent.pth does not exist"),
        (2, "absent.jpg", "the image absent.jpg does not exist"),
        (2, "absent.pkl", "matrices of its own"),
        (4, "absent.csv", "camera matrix absent.csv does not exist"),
        (6, "abacus", "no device 'abacus'"),
    ],
)
def test_wrong_arguments(fails, arguments, tmp_path, position, replacement, said):
    arguments[position] = replacement
    assert said in fails("infer", *arguments, "--out", "out")
    assert not (tmp_path / "out").exists()


def test_camera_of_another_resolution(fails, arguments, tmp_path):
    whole = cv2.imread(str(tmp_path / "images/b.png"))
    cv2.imwrite(str(tmp_path / "images/c.png"), cv2.resize(whole, None, fx=2, fy=2))
    said = fails("infer", *arguments, "--out", "out")
    assert "c.png" in said and "another resolution" in said
    assert not (tmp_path / "out").exists()


def test_shipped_network_sees_a_street(infer, repo_root, tmp_path):
    """The first command of the README."""
    infer(
        str(repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"),
        str(repo_root / "checkpoints/epropnp-det_r18_synthetic.pth"),
        str(repo_root / "examples/street.jpg"),
        "--cam2img",
        str(repo_root / "examples/street.json"),
        "--out",
        str(tmp_path),
        "--score-thr",
        "0.3",
    )
    (image,) = json.loads((tmp_path / "predictions.json").read_text())["images"]
    (nearest, *_) = sorted(image["boxes"], key=lambda box: box["center"][2])
    assert nearest["name"] == "car" and 5 < nearest["center"][2] < 20
