"""The exported detector beside the network that it was made of."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from epropnp_det.apis import PREDICTIONS_SCHEMA, EProPnPDet3DInferencer
from epropnp_det.deploy import DeployedDetector
from epropnp_det.engine.config import load_config
from epropnp_det.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs/epropnp_det/epropnp-det_tiny_demo.py"
WEIGHTS = ROOT / "checkpoints/epropnp-det_r18_synthetic.pth"


@pytest.fixture(scope="module")
def inferencer():
    cfg = load_config(str(CONFIG), {"model.test_cfg.max_per_img": 64})
    return EProPnPDet3DInferencer(cfg, WEIGHTS, "cpu", posterior=False, show_progress=False)


@pytest.fixture(scope="module")
def detectors(exported):
    return {}


@pytest.fixture
def detector(exported, runtime, detectors):
    if runtime not in detectors:
        detectors[runtime] = DeployedDetector(exported, runtime, threads=1)
    return detectors[runtime]


def images(street):
    """A street, its mirror image, which looks as likely, and nothing but grey."""
    stored = cv2.imread(str(street))
    return {"street": stored, "mirrored": stored[:, ::-1].copy(), "grey": np.full_like(stored, 99)}


def test_image_without_objects(detector, street):
    assert detector(images(street[0])["grey"], street[1], score_thr=0.5)["boxes"] == []


@pytest.mark.parametrize("which", ["street", "mirrored", "grey"])
def test_same_objects_in_the_same_order(detector, inferencer, street, which):
    pixels, cam2img = images(street[0])[which], street[1]
    expected = inferencer(pixels, cam2img, score_thr=0.1)["predictions"][0]["boxes"]
    found = detector(pixels, cam2img, score_thr=0.1)["boxes"]
    assert expected
    for key in ("name", "attribute"):
        assert [box[key] for box in found] == [box[key] for box in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for key in ("score", "size", "velocity"):
            assert ours[key] == pytest.approx(theirs[key], abs=2e-5)
        # The solver ends after a few steps, in valleys that are metres long where depth is unsure.
        deviation = np.sqrt(np.diag(theirs["pose_covariance"] or ours["pose_covariance"]))
        off = np.subtract([*ours["center"], ours["yaw"]], [*theirs["center"], theirs["yaw"]])
        assert (abs(off) < 0.02 * deviation + 1e-3).all()


def test_a_file_tells_what_it_was_made_of(detector, street):
    about = detector.description
    assert about.image_size == (400, 224) and about.top_rows == 56
    assert about.classes[0] == "car" and about.channels in ("RGB", "BGR")
    assert Path(about.config).name == CONFIG.name
    assert len(about.checkpoint_sha256) == 64
    assert {"epropnp_det", "torch", "onnx"} <= about.versions.keys()


def test_an_image_file_is_read_as_it_is_stored(detector, street):
    path, cam2img = street
    from_file = detector(path, cam2img)
    assert from_file["path"] == str(path)
    assert from_file["boxes"] == detector(cv2.imread(str(path)), cam2img)["boxes"]


def test_command_line_without_pytorch_and_openmmlab(run_fresh, exported, runtime, street, tmp_path):
    """Nor the devkit, which imports much: what is absent is not asked for."""
    import jsonschema

    gone = ("torch", "mmengine", "mmcv", "mmdet", "mmdet3d", "nuscenes", "scipy", "matplotlib")
    lines = ["import sys", *(f"sys.modules[{name!r}] = None" for name in gone)]
    (tmp_path / "sitecustomize.py").write_text("\n".join(lines))
    done = run_fresh(
        tmp_path,
        *("-m", "epropnp_det.deploy", exported, street[0], "--runtime", runtime),
        *("--cam2img", street[0].with_suffix(".json"), "--out", "out", "--threads", "1"),
        PYTHONPATH=f"{ROOT}:{tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out/predictions.json").read_text())
    jsonschema.validate(content, PREDICTIONS_SCHEMA)
    assert f"{len(content['images'][0]['boxes'])} boxes in 1 images" in done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda image: image[:100], "is of 400 x 100 pixels, and the file is for images of 400 x"),
        (lambda image: image[..., 0], "is of shape (224, 400) and type uint8: give (height, width"),
        (lambda image: image / 255, "type float64: give (height, width, 3) numbers of type uint8"),
    ],
)
def test_images_of_the_wrong_kind(detector, street, change, said):
    pixels = change(cv2.imread(str(street[0])))
    cam2img = np.array([[300.0, 0, 200], [0, 300, pixels.shape[0] / 2], [0, 0, 1]])
    with pytest.raises(UserError) as error:
        detector(pixels, cam2img)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.eye(4), "has the shape 4 x 4"),
        (np.array([[300.0, 0, 800], [0, 300, 450], [0, 0, 1]]), "outside the 400 x 224 image"),
        (np.array([[3200.0, 0, 200], [0, 3200, 112], [0, 0, 1]]), "focal lengths of (8, 8) image"),
    ],
)
def test_absurd_camera_matrices(detector, street, matrix, said):
    with pytest.raises(UserError) as error:
        detector(street[0], matrix)
    assert said in str(error.value)
