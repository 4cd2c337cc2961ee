import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from kitti_layout import MATRIX, write_kitti
from PIL import ExifTags, Image
from random_network import CAM2IMG

from epropnp_det.apis.inputs import gather
from epropnp_det.datasets import create_kitti_infos, create_nuscenes_infos
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


def test_arrays_among_files(folder):
    array = cv2.imread(str(folder / "a.jpg"))
    images = gather([array, folder / "b.png", array[:, ::-1]], CAM2IMG)
    assert [Path(image.path).name for image in images] == ["array_0", "b.png", "array_2"]
    np.testing.assert_array_equal(images[0].pixels, array[..., ::-1])
    np.testing.assert_array_equal(images[2].pixels, array[:, ::-1, ::-1])
    (alone,) = gather(array, CAM2IMG)
    np.testing.assert_array_equal(alone.pixels, array[..., ::-1])
    with pytest.raises(UserError, match="array_0 .* another resolution"):
        gather(cv2.resize(array, None, fx=2, fy=2), CAM2IMG)
    with pytest.raises(UserError, match="the camera matrix of array_0 is missing"):
        gather(array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((224, 400), np.uint8),
        np.zeros((224, 400, 3)),
        np.zeros((1, 224, 400, 3), np.uint8),
        np.zeros((0, 400, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_images(array):
    with pytest.raises(UserError, match=r"array_0 is of shape .*: give \(height, width, 3\)"):
        gather([array], CAM2IMG)


@pytest.mark.parametrize(("name", "share"), [("a.jpg", 0.3), ("a.jpg", 0.95), ("b.png", 0.5)])
def test_file_that_is_cut_short(folder, tmp_path, name, share):
    """Its header is whole, and tells the size."""
    content = (folder / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=f"the image .*{name} is damaged .*: copy or download"):
        gather(tmp_path / name, CAM2IMG)


@pytest.mark.parametrize("shape", [(224, 400), (224, 400, 3), (224, 400, 4)])
def test_file_of_more_bits(tmp_path, shape):
    """OpenCV would read the highest 8 of them, nearly black where a camera fills 12."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full(shape, 4095, np.uint16))
    said = r"a.png has 16 bits a channel \(values up to 4095\) where 8 are read: convert it with"
    with pytest.raises(UserError, match=said):
        gather(tmp_path, CAM2IMG)


def test_file_that_opencv_does_not_read(tmp_path):
    Image.new("RGB", (400, 224)).save(tmp_path / "a.gif")
    with pytest.raises(UserError, match="a.gif cannot be read by OpenCV: convert it to .png"):
        gather(tmp_path / "a.gif", CAM2IMG)


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


@pytest.fixture(scope="module")
def kitti(tmp_path_factory) -> Path:
    root = write_kitti(tmp_path_factory.mktemp("kitti"), 0, 2)
    create_kitti_infos(root)
    return root


def test_kitti(kitti):
    images = gather(kitti / "kitti_infos_val.pkl")
    sources = [dict(sample_token=f"00000{i}", camera="CAM2") for i in range(2)]
    assert [image.source for image in images] == sources
    for image in images:
        np.testing.assert_allclose(image.cam2img, MATRIX)
        assert image.pixels.shape == (188, 620, 3)
    (second,) = gather(kitti / "kitti_infos_val.pkl", samples=["000001"])
    assert second.path == images[1].path
    (named,) = gather(second.path, kitti / "kitti_infos_val.pkl")
    np.testing.assert_allclose(named.cam2img, MATRIX)


def test_test_split_of_kitti(kitti, tmp_path):
    """It lies in another folder, and has no labels."""
    (tmp_path / "testing").symlink_to(kitti / "training")
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets/test.txt").write_text("000001")
    create_kitti_infos(tmp_path)
    (image,) = gather(tmp_path / "kitti_infos_test.pkl")
    assert image.path.endswith("testing/image_2/000001.png")
