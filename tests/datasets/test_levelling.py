"""Level cameras in the place of tilted ones."""

import numpy as np
import pytest
from mmdet3d.registry import TRANSFORMS

from epropnp_det.datasets.levelling import LevelView, tilt, tilted_camera, turn_image
from epropnp_det.datasets.transforms import LevelImage
from epropnp_det.errors import UserError

CAM2IMG = np.array([[120.0, 0, 95], [0, 118, 60], [0, 0, 1]])
SIZE = 200, 112
ANGLES = [(0, 0), (12, 0), (-12, 0), (0, 9), (15, -20)]


def project(points: np.ndarray, camera2ego: np.ndarray, cam2img: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) of points (N, 3) of the vehicle's frame."""
    in_camera = (points - camera2ego[:3, 3]) @ camera2ego[:3, :3]
    pixels = in_camera @ cam2img.T
    return pixels[:, :2] / pixels[:, 2:]


def turned(pitch: float, roll: float, yaw: float) -> np.ndarray:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    turn[:3, 3] = 1.5, 0.3, 4.0
    return turn @ tilted_camera(pitch, roll)


@pytest.mark.parametrize(("pitch", "roll"), ANGLES)
@pytest.mark.parametrize("yaw", [0.0, 2.0])
def test_level_view_sees_the_same_points(pitch, roll, yaw):
    tilted = turned(pitch, roll, yaw)
    view = LevelView.of(tilted, CAM2IMG, SIZE)
    ahead = tilted[:3, 2]
    points = tilted[:3, 3] + 20 * ahead + np.random.default_rng(0).normal(size=(9, 3)) * 4
    before = np.c_[project(points, tilted, CAM2IMG), np.ones(9)] @ view.homography.T
    after = project(points, view.camera2ego, view.cam2img)
    assert np.allclose(before[:, :2] / before[:, 2:], after, atol=1e-9)
    # It stands there, is level, looks the same way, and keeps focal length and centre.
    assert np.allclose(view.camera2ego[:3, 3], tilted[:3, 3])
    assert tilt(view.camera2ego) == pytest.approx(0, abs=1e-6)
    assert np.allclose(np.cross(view.camera2ego[:2, 2], ahead[:2]), 0)
    assert view.camera2ego[:2, 2] @ ahead[:2] > 0
    assert np.allclose(np.linalg.det(view.camera2ego), 1)
    assert np.allclose(view.cam2img[:2, :2], CAM2IMG[:2, :2])
    center = view.homography @ [SIZE[0] / 2, SIZE[1] / 2, 1]
    assert np.allclose(center[:2] / center[2], [SIZE[0] / 2, SIZE[1] / 2])


def test_level_camera_stays_as_it_is():
    level = turned(0, 0, 1.0)
    view = LevelView.of(level, CAM2IMG, SIZE)
    assert np.allclose(view.camera2ego, level)
    assert np.allclose(view.cam2img, CAM2IMG)
    assert np.allclose(view.homography, np.eye(3))


@pytest.mark.parametrize(("pitch", "roll"), ANGLES)
def test_tilt(pitch, roll):
    down = np.degrees(np.arccos(np.cos(np.radians(pitch)) * np.cos(np.radians(roll))))
    assert tilt(turned(pitch, roll, 0.7)) == pytest.approx(down, abs=1e-5)
    assert tilted_camera(pitch, roll)[2, 2] == pytest.approx(-np.sin(np.radians(pitch)))


@pytest.mark.parametrize("pitch", [-90, 85])
def test_camera_without_a_level_view(pitch):
    with pytest.raises(UserError, match=f"looks up or down by {abs(pitch)} degrees"):
        LevelView.of(tilted_camera(pitch, 0), CAM2IMG, SIZE)


def test_image_follows_the_homography():
    tilted = turned(12, 5, 0)
    view = LevelView.of(tilted, CAM2IMG, SIZE)
    image = np.zeros((112, 200, 3), np.uint8)
    image[70:73, 120:123] = 255
    bright = turn_image(image, view.homography)[..., 0] > 100
    rows, columns = bright.nonzero()
    center = view.homography @ [121.5, 71.5, 1]
    assert np.allclose([columns.mean() + 0.5, rows.mean() + 0.5], center[:2] / center[2], atol=0.3)
    assert (turn_image(image, np.eye(3)) == image).all()


def test_transform():
    transform = TRANSFORMS.build({"type": "LevelImage"})
    image = np.random.default_rng(0).integers(0, 255, (112, 200, 3), dtype=np.uint8)
    entry = {"img_path": "a.png", "height": 112, "width": 200}
    assert transform({"img": image, "images": {"MAST": entry}})["img"] is image
    view = LevelView.of(turned(12, 0, 0), CAM2IMG, SIZE)
    entry["homography"] = view.homography.tolist()
    found = transform({"img": image, "images": {"MAST": entry}})["img"]
    assert (found == turn_image(image, view.homography)).all() and (found != image).any()
    with pytest.raises(UserError, match=r"a.png is \(200, 100\) .* directly behind the image load"):
        LevelImage()({"img": image[:100], "images": {"MAST": entry}})
