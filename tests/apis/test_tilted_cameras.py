"""Images of tilted cameras, turned level on their way to the network."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from random_network import CAM2IMG, HEIGHT, WIDTH

from epropnp_det.apis import PREDICTIONS_SCHEMA, EProPnPDet3DInferencer
from epropnp_det.apis.inputs import gather
from epropnp_det.datasets.levelling import LevelView, tilted_camera, turn_image
from epropnp_det.errors import UserError

TILT = 12.0, -4.0


@pytest.fixture(scope="module")
def inferencer(tiny) -> EProPnPDet3DInferencer:
    return EProPnPDet3DInferencer(*tiny, device="cpu", show_progress=False)


@pytest.fixture
def view() -> LevelView:
    return LevelView.of(tilted_camera(*TILT), CAM2IMG, (WIDTH, HEIGHT))


def test_boxes_are_those_of_the_turned_image(inferencer, folder, camera_file, view, tmp_path):
    (entry,) = inferencer(
        folder / "b.png", camera_file, tilt=TILT, out_dir=tmp_path / "out", score_thr=0.0
    )["predictions"]
    turned = turn_image(cv2.imread(str(folder / "b.png")), view.homography)
    (expected,) = inferencer(turned, view.cam2img, score_thr=0.0)["predictions"]
    assert entry["boxes"] == expected["boxes"] and entry["boxes"]
    assert entry["cam2img"] == expected["cam2img"] == view.cam2img.tolist()
    assert entry["homography"] == view.homography.tolist()
    assert "homography" not in expected
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(entry, PREDICTIONS_SCHEMA["properties"]["images"]["items"])


def test_info_file_that_turns_its_images(folder, view, tmp_path):
    image = {"img_path": str(folder / "b.png"), "height": HEIGHT, "width": WIDTH}
    camera = {
        **image,
        "cam2img": view.cam2img.tolist(),
        "cam2ego": view.camera2ego.tolist(),
        "homography": view.homography.tolist(),
    }
    frame = {
        "sample_idx": 0,
        "token": "token",
        "images": {"MAST": camera},
        "ego2global": np.eye(4).tolist(),
        "cam_instances": {"MAST": []},
    }
    path = tmp_path / "infos.pkl"
    path.write_bytes(pickle.dumps({"metainfo": {"version": "v1.0-mini"}, "data_list": [frame]}))
    turned = turn_image(cv2.imread(str(folder / "b.png")), view.homography)
    listed = gather(path), gather(folder / "b.png", path)
    for (found,) in listed:
        assert (found.to_load == turned).all() and (found.pixels == turned[..., ::-1]).all()
        assert np.allclose(found.cam2img, view.cam2img)
    with pytest.raises(UserError, match="tells of its cameras how they are tilted"):
        gather(path, tilt=TILT)
    with pytest.raises(UserError, match="the info file turns .*b.png level itself"):
        gather(folder / "b.png", path, tilt=TILT)


def test_level_images_are_loaded_as_they_are(folder, camera_file):
    (found,) = gather(folder / "b.png", camera_file)
    assert found.to_load == str(folder / "b.png") and found.homography is None


def test_video(tmp_path: Path, folder, view):
    frame = cv2.imread(str(folder / "b.png"))
    path = str(tmp_path / "drive.avi")
    video = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 2, (WIDTH, HEIGHT))
    for _ in range(2):
        video.write(frame)
    video.release()
    level = list(gather(path, CAM2IMG))
    turned = list(gather(path, CAM2IMG, tilt=TILT))
    assert len(level) == len(turned) == 2
    for before, after in zip(level, turned, strict=True):
        assert (after.bgr == turn_image(before.bgr, view.homography)).all()
        assert np.allclose(after.cam2img, view.cam2img)


def test_camera_that_looks_at_the_ground(folder, camera_file):
    with pytest.raises(UserError, match="looks up or down by 85 degrees"):
        gather(folder / "b.png", camera_file, tilt=(85, 0))
