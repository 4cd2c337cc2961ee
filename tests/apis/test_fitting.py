"""Images of other cameras than the training's: a sentence, or boxes as good as ever."""

import json
from copy import deepcopy

import cv2
import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from random_network import CAM2IMG

from epropnp_det.apis import EProPnPDet3DInferencer
from epropnp_det.engine.config import load_config
from epropnp_det.errors import UserError

IMAGE = {"width": [400, 400], "height": [224, 224], "focal": [316.0, 320.0], "row": [122, 123]}
INPUT = {**IMAGE, "height": [168, 168], "row": [66, 67]}
DOUBLE = np.diag([2.0, 2, 1])


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    """Function that gives the inferencer of a config and weights to which their view is added."""

    def make(cfg, weights) -> EProPnPDet3DInferencer:
        checkpoint = torch.load(weights, weights_only=True)
        meta = {**checkpoint.get("meta", {}), "training_view": {"image": IMAGE, "input": INPUT}}
        path = tmp_path_factory.mktemp("weights") / "trained.pth"
        torch.save({**checkpoint, "meta": meta}, path)
        return EProPnPDet3DInferencer(cfg, path, "cpu", posterior=False, show_progress=False)

    return make


@pytest.fixture(scope="module")
def random_network(knowing, tiny):
    return knowing(*tiny)


@pytest.fixture
def log(caplog):
    logger = MMLogger.get_current_instance()
    caplog.handler.setLevel("WARNING")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture(scope="module")
def image(folder) -> np.ndarray:
    return cv2.imread(str(folder / "a.jpg"))


def with_sky(image: np.ndarray, cam2img: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    moved = cam2img + np.array([[0, 0, 0], [0, 0, rows], [0, 0, 0]])
    return cv2.copyMakeBorder(image, rows, 0, 0, 0, cv2.BORDER_REPLICATE), moved


def found_by(inferencer, image, cam2img, **options) -> dict:
    (entry,) = inferencer(image, cam2img, score_thr=0.0, **options)["predictions"]
    assert entry["cam2img"] == np.asarray(cam2img).tolist()
    return entry["boxes"]


def test_ordinary_images_stay_as_they_are(random_network, tiny, image, log):
    unknowing = EProPnPDet3DInferencer(*tiny, "cpu", posterior=False, show_progress=False)
    boxes = found_by(unknowing, image, CAM2IMG)
    assert boxes and found_by(random_network, image, CAM2IMG) == boxes
    assert found_by(random_network, image, CAM2IMG, fit=True) == boxes
    found_by(unknowing, cv2.resize(image, (800, 448)), DOUBLE @ CAM2IMG)
    assert not log.records
    with pytest.raises(UserError, match=r"random.pth does not tell .*: leave --fit \(fit=True\)"):
        unknowing(image, CAM2IMG, fit=True)


def test_one_warning(random_network, image, log):
    double = cv2.resize(image, (800, 448))
    random_network([double] * 3, DOUBLE @ CAM2IMG)
    (record,) = log.records
    assert record.getMessage().startswith("array_0 comes to the network with a width of 800")
    assert record.getMessage().endswith("fit it with --fit (fit=True).")
    random_network([double] * 3, DOUBLE @ CAM2IMG, batch_size=2, fit=True)
    assert len(log.records) == 1


def test_sky_is_told_and_cut_off(random_network, image, log):
    tall = with_sky(image, CAM2IMG, 176)
    found_by(random_network, *tall)
    assert "a height of 344 (in training 168)" in log.records[0].getMessage()
    boxes = found_by(random_network, image, CAM2IMG + [[0, 0, 0], [0, 0, 1], [0, 0, 0]])
    lower = with_sky(image, CAM2IMG + [[0, 0, 0], [0, 0, 1], [0, 0, 0]], 176)
    assert found_by(random_network, *lower, fit=True) == boxes
    assert len(log.records) == 1


def test_what_no_fit_can_mend(random_network, image, log):
    wide = cv2.copyMakeBorder(image, 0, 100, 0, 0, cv2.BORDER_REPLICATE)
    found_by(random_network, wide, CAM2IMG, fit=True)
    assert "crop or pad it to the proportions" in log.records[0].getMessage()


def test_fits_as_a_resize_in_the_pipeline(knowing, tiny, image):
    cfg, weights = tiny
    resizing = deepcopy(cfg)
    half = dict(type="ResizeMono3D", factor=0.5)
    resizing.test_dataloader.dataset.pipeline.insert(1, half)
    double = cv2.resize(image, (800, 448)), DOUBLE @ CAM2IMG
    expected = found_by(knowing(resizing, weights), *double)
    assert expected and found_by(knowing(cfg, weights), *double, fit=True) == expected


def test_rows_are_added_for_a_higher_horizon(random_network, image):
    """The pipeline cuts them off, and so many rows of the image less."""
    short = image[20:], CAM2IMG - [[0, 0, 0], [0, 0, 20], [0, 0, 0]]
    sample = random_network(*short, fit=True, return_datasamples=True)["predictions"][0]
    assert sample.img_shape == (168, 400) and sample.ori_shape == (204, 400)
    np.testing.assert_allclose(sample.cam2img[1, 2], CAM2IMG[1, 2] - 56)
    np.testing.assert_allclose(sample.ori_cam2img, short[1])
    assert found_by(random_network, *short, fit=True) == found_by(random_network, image, CAM2IMG)


@pytest.fixture(scope="module")
def street(repo_root, knowing):
    """The shipped network, and the example image with its camera."""
    cfg = load_config(str(repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"))
    network = knowing(cfg, repo_root / "checkpoints/epropnp-det_r18_synthetic.pth")
    camera = json.loads((repo_root / "examples/street.json").read_text())["cam2img"]
    return network, cv2.imread(str(repo_root / "examples/street.jpg")), np.array(camera)


@pytest.mark.parametrize("change", ["double", "sky"])
def test_shipped_network_finds_the_same_objects(street, change):
    network, image, cam2img = street
    changed = with_sky(image, cam2img, 176)
    if change == "double":
        changed = cv2.resize(image, (800, 448)), DOUBLE @ cam2img
    wanted = centres(network, image, cam2img)
    assert len(wanted) > 2
    assert missed(wanted, centres(network, *changed)) > len(wanted) / 2
    assert missed(wanted, centres(network, *changed, fit=True)) <= len(wanted) / 4


def centres(network, image, cam2img, **options) -> np.ndarray:
    """(N, 3) of the confident boxes."""
    (entry,) = network(image, cam2img, score_thr=0.3, **options)["predictions"]
    return np.array([box["center"] for box in entry["boxes"]]).reshape(-1, 3)


def missed(wanted: np.ndarray, found: np.ndarray) -> int:
    """How many have no other within a tenth of their distance."""
    apart = np.linalg.norm(wanted[:, None] - found[None], axis=-1)
    return int((apart.min(1, initial=np.inf) > 0.1 * np.linalg.norm(wanted, axis=1)).sum())
