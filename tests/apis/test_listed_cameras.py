"""Images of equal names in the folders of several cameras."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from random_network import CAM2IMG

from epropnp_det.apis.inputs import gather
from epropnp_det.apis.listed_cameras import listed_cameras
from epropnp_det.errors import UserError


def matrix(focal: float) -> list[list[float]]:
    return [[focal, 0, 200], [0, focal, 112], [0, 0, 1]]


@pytest.fixture
def info_file(tmp_path: Path):
    """Function that writes an info file of (camera, path of the image, focal length)."""

    def write(*views: tuple[str, str, float]) -> Path:
        frames = [
            {"images": {camera: {"img_path": path, "cam2img": matrix(focal)}, "CAM0": {}}}
            for camera, path, focal in views
        ]
        content = {"metainfo": {}, "data_list": frames}
        (tmp_path / "infos.pkl").write_bytes(pickle.dumps(content))
        return tmp_path / "infos.pkl"

    return write


def focal_lengths(info_file: Path, *paths: str) -> list[float]:
    return [found.cam2img[0, 0] for found in listed_cameras(info_file, paths)]


def test_names_that_repeat_in_folders(info_file):
    infos = info_file(("A", "LEFT/0.png", 320), ("B", "RIGHT/0.png", 450))
    assert focal_lengths(infos, "/data/LEFT/0.png", "RIGHT/0.png") == [320, 450]


def test_base_names_below_their_cameras(info_file):
    """As the info files of nuScenes have them."""
    infos = info_file(("CAM_FRONT", "0.png", 320), ("CAM_BACK", "0.png", 450))
    paths = (f"/nuscenes/samples/{camera}/0.png" for camera in ("CAM_BACK", "CAM_FRONT"))
    assert focal_lengths(infos, *paths) == [450, 320]


def test_folders_above_the_cameras(info_file):
    infos = info_file(("A", "day/LEFT/0.png", 320), ("A", "night/LEFT/0.png", 450))
    assert focal_lengths(infos, "/data/day/LEFT/0.png", "night/LEFT/0.png") == [320, 450]


def test_unique_names_wherever_they_are(info_file):
    infos = info_file(("A", "LEFT/0.png", 320), ("B", "RIGHT/1.png", 450))
    assert focal_lengths(infos, "/other/1.png", "0.png") == [450, 320]


def test_relative_path_has_its_folder(info_file, tmp_path, monkeypatch):
    infos = info_file(("A", "LEFT/0.png", 320), ("B", "RIGHT/0.png", 450))
    (tmp_path / "LEFT").mkdir()
    monkeypatch.chdir(tmp_path / "LEFT")
    assert focal_lengths(infos, "0.png", "../RIGHT/0.png") == [320, 450]


def test_equal_matrices_need_no_choice(info_file):
    infos = info_file(("A", "LEFT/0.png", 320), ("B", "RIGHT/0.png", 320))
    assert focal_lengths(infos, "/other/0.png") == [320]


def test_ambiguous_image(info_file):
    infos = info_file(*(("A", f"{folder}/0.png", 320 + i) for i, folder in enumerate("KLMN")))
    said = r"other/0.png could be any of A/K/0.png, A/L/0.png, A/M/0.png, \.\.\. in .*differ: give"
    with pytest.raises(UserError, match=said):
        listed_cameras(infos, ["/other/0.png"])
    with pytest.raises(UserError, match="does not list 1.png: give the one that does"):
        listed_cameras(infos, ["/K/1.png"])


def test_gathered_images_have_the_cameras_of_their_folders(info_file, tmp_path):
    infos = info_file(("A", "LEFT/0.png", 320), ("B", "RIGHT/0.png", 450))
    paths = [tmp_path / folder / "0.png" for folder in ("LEFT", "RIGHT")]
    for path in paths:
        path.parent.mkdir()
        cv2.imwrite(str(path), np.zeros((224, 400, 3), np.uint8))
    images = gather(paths, infos)
    assert [image.cam2img[0, 0] for image in images] == [320, 450]
    assert images[0].cam2img.shape == CAM2IMG.shape
