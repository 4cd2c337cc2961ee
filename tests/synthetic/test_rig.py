import numpy as np
import pytest
from pyquaternion import Quaternion

from epropnp_det.synthetic.rig import CAMERAS, LIDAR

# Where nuScenes cameras look, degrees from straight ahead, left positive.
LOOKS = {
    "CAM_FRONT": 0,
    "CAM_FRONT_RIGHT": -55,
    "CAM_FRONT_LEFT": 55,
    "CAM_BACK": 180,
    "CAM_BACK_LEFT": 110,
    "CAM_BACK_RIGHT": -110,
}


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.channel)
def test_cameras_look_where_nuscenes_says_and_stand_upright(camera):
    rotation = camera.to_ego[:3, :3]
    forward, down = rotation[:, 2], rotation[:, 1]
    angle = np.rad2deg(np.arctan2(forward[1], forward[0]))
    assert abs((angle - LOOKS[camera.channel] + 180) % 360 - 180) < 3
    assert down[2] < -0.99


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.channel)
def test_mounted_camera_sits_higher_and_looks_down(camera):
    mounted = camera.mounted(height=1.5, pitch=30)
    np.testing.assert_allclose(np.subtract(mounted.translation, camera.translation), (0, 0, 1.5))
    before, after = camera.to_ego[:3, :3], mounted.to_ego[:3, :3]
    np.testing.assert_allclose(after[:, 0], before[:, 0], atol=1e-12)
    # Half of straight down, and the rest ahead.
    expected = 0.5 * before[:, 1] + 0.75**0.5 * before[:, 2]
    np.testing.assert_allclose(after[:, 2], expected, atol=1e-12)
    assert Quaternion(mounted.rotation).norm == pytest.approx(Quaternion(camera.rotation).norm)


def test_camera_that_is_not_moved_keeps_its_calibration_to_the_bit():
    assert CAMERAS[0].mounted(0, 0) is CAMERAS[0]


def test_lidar_has_y_ahead():
    assert LIDAR.to_ego[:3, 1] @ [1, 0, 0] > 0.99


def test_intrinsics_scale_with_the_width_and_keep_square_pixels():
    camera = CAMERAS[0]
    native = camera.intrinsic((1600, 900))
    np.testing.assert_allclose(native[:2, 2], camera.centre)
    np.testing.assert_allclose(camera.intrinsic((800, 450))[:2], native[:2] / 2)
    taller = camera.intrinsic((1600, 1000))
    assert taller[1, 2] - native[1, 2] == 50
    assert taller[0, 0] == taller[1, 1] == native[0, 0]
