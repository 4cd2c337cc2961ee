import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image
from random_network import CAM2IMG

from epropnp_det.apis.inputs import gather
from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.errors import UserError


def test_folder_in_the_order_of_names(folder, camera_file):
    images = gather(folder, camera_file)
    assert [Path(image.path).name for image in images] == ["a.jpg", "b.png"]
    for image in images:
        np.testing.assert_array_equal(image.cam2img, CAM2IMG)
        bgr = cv2.imread(image.path)
        np.testing.assert_array_equal(image.pixels, bgr[..., ::-1])


def test_one_image_and_a_list(folder, camera_file):
    (one,) = gather(folder / "a.jpg", CAM2IMG)
    two = gather([folder / "b.png", str(folder / "a.jpg")], camera_file)
    assert [image.path for image in two] == [str(folder / "b.png"), one.path]


def test_sideways_photograph(tmp_path):
    """Its size is that of the image as it is decoded, not as its rows are stored."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (224, 400)).save(tmp_path / "a.jpg", exif=exif)
    (image,) = gather(tmp_path / "a.jpg", CAM2IMG)
    assert image.pixels.shape == (224, 400, 3)


def test_video(tmp_path):
    path = str(tmp_path / "a.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (400, 224))
    for grey in (0, 100, 200):
        writer.write(np.full((224, 400, 3), grey, np.uint8))
    writer.release()
    frames = gather(path, CAM2IMG)
    assert len(frames) == 3
    found = list(frames)
    assert [image.source for image in found] == [{"frame": i} for i in range(3)]
    assert [round(image.pixels.mean(), -1) for image in found] == [0, 100, 200]
    with pytest.raises(UserError, match="a.avi has its principal point"):
        gather(path, CAM2IMG + [[0, 0, 400], [0, 0, 0], [0, 0, 0]])


def test_video_that_opencv_cannot_read(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"none")
    with pytest.raises(UserError, match="a.mp4 cannot be read"):
        gather(tmp_path / "a.mp4", CAM2IMG)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("absent.jpg", {"cam2img": CAM2IMG}, "absent.jpg does not exist"),
        ("notes.txt", {"cam2img": CAM2IMG}, "notes.txt is not an image"),
        ("a.jpg", {}, "camera matrix of .*a.jpg is missing"),
        ("a.jpg", {"cam2img": "absent.csv"}, "absent.csv does not exist"),
        ("a.jpg", {"cam2img": "absent.pkl"}, "absent.pkl does not exist"),
        ("a.jpg", {"cam2img": CAM2IMG, "cameras": ["CAM_FRONT"]}, "info file, and .* is none"),
        ("a.jpg", {"cam2img": CAM2IMG * 2}, "last row"),
        ("absent.pkl", {}, "absent.pkl does not exist"),
        ("a.pkl", {"cam2img": CAM2IMG}, "matrices of its own"),
        ("a.pkl", {"data_root": "/absent"}, "/absent is not a folder"),
    ],
)
def test_what_cannot_be(folder, name, options, said):
    with pytest.raises(UserError, match=said):
        gather(folder / name, **options)


def test_nothing(tmp_path):
    with pytest.raises(UserError, match="holds no image"):
        gather(tmp_path, CAM2IMG)
    with pytest.raises(UserError, match="list of images is empty"):
        gather([], CAM2IMG)


@pytest.fixture(scope="session")
def info_file(keyframe_root, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("infos")
    create_nuscenes_infos(keyframe_root, "v1.0-mini", out)
    return out / "nuscenes_infos_train.pkl"


def test_info_file(info_file, keyframe_root):
    images = gather(info_file, data_root=keyframe_root)
    (frame,) = pickle.loads(info_file.read_bytes())["data_list"]
    assert [image.source["camera"] for image in images] == list(frame["images"])
    assert {image.source["sample_token"] for image in images} == {frame["token"]}
    chosen = gather(info_file, None, keyframe_root, ["CAM_BACK"], [frame["token"]])
    (back,) = chosen
    np.testing.assert_array_equal(back.cam2img, frame["images"]["CAM_BACK"]["cam2img"])
    # The same image by its name alone.
    (named,) = gather(back.path, info_file)
    np.testing.assert_array_equal(named.cam2img, back.cam2img)
    with pytest.raises(UserError, match="no camera CAM_TOP: it has CAM_BACK, CAM_BACK_LEFT"):
        gather(info_file, None, keyframe_root, ["CAM_TOP"])
    with pytest.raises(UserError, match="no sample token 0"):
        gather(info_file, None, keyframe_root, None, ["0"])


def test_image_that_the_info_file_does_not_list(info_file, folder):
    with pytest.raises(UserError, match="does not list a.jpg"):
        gather(folder / "a.jpg", info_file)
    with pytest.raises(UserError, match="correct the path or the data root"):
        gather(info_file)
