import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from epropnp_det.datasets.box_projection import box_corners, project_box

CAM2IMG = np.array([[100.0, 0, 80], [0, 100, 45], [0, 0, 1]])
SIZE = (160, 90)


def test_corners_of_a_turned_box():
    rotation = Rotation.from_euler("y", 90, degrees=True).as_matrix()
    corners = box_corners(np.array([1.0, 2, 10]), np.array([4.0, 2, 1]), rotation)
    # Length along x turns to -z, width along z to x.
    assert np.allclose(corners.min(axis=0), [0.5, 1, 8])
    assert np.allclose(corners.max(axis=0), [1.5, 3, 12])
    edges = [corners[i] - corners[i | 1] for i in range(8) if not i & 1]
    assert np.allclose(np.linalg.norm(edges, axis=1), 4)


def test_whole_box_in_the_image():
    corners = box_corners(np.array([0.0, 0, 10]), np.array([2.0, 1, 2]), np.eye(3))
    shown = project_box(corners, CAM2IMG, SIZE)
    assert shown.bbox == pytest.approx((80 - 100 / 9, 45 - 50 / 9, 80 + 100 / 9, 45 + 50 / 9))
    assert shown.truncation == pytest.approx(0, abs=1e-12)


def test_half_a_box_in_the_image():
    # A thin plate whose middle projects to the left border.
    corners = box_corners(np.array([-8.0, 0, 10]), np.array([2.0, 1, 1e-9]), np.eye(3))
    shown = project_box(corners, CAM2IMG, SIZE)
    assert shown.truncation == pytest.approx(0.5, abs=1e-6)
    assert shown.bbox == pytest.approx((0, 40, 10, 50), abs=1e-6)


@pytest.mark.parametrize("center", [(0, 0, -10), (100, 0, 10), (0, -50, 10)])
def test_box_that_misses_the_image(center):
    corners = box_corners(np.array(center, dtype=float), np.ones(3), np.eye(3))
    assert project_box(corners, CAM2IMG, SIZE) is None


def test_box_through_the_camera_plane_reaches_the_border():
    # A long wall to the right from 2 m behind to 6 m ahead: its near end leaves the image.
    corners = box_corners(np.array([2.0, 0, 2]), np.array([0.2, 1, 8]), np.eye(3))
    x1, y1, x2, y2 = project_box(corners, CAM2IMG, SIZE).bbox
    assert x1 == pytest.approx(80 + 100 * 1.9 / 6)
    assert x2 == 160
    # At the border u = 160 the wall's inner face is 1.9 / 0.8 m away.
    half = 100 * 0.5 / (1.9 / 0.8)
    assert (y1, y2) == pytest.approx((45 - half, 45 + half))


@given(
    x=st.floats(-30, 30),
    z=st.floats(-5, 40),
    yaw=st.floats(-4, 4),
    length=st.floats(0.1, 12),
)
def test_visible_part_lies_in_the_image_and_holds_visible_points(x, z, yaw, length):
    rotation = Rotation.from_euler("y", yaw).as_matrix()
    center, size = np.array([x, 0.5, z]), np.array([length, 1.5, 2.0])
    shown = project_box(box_corners(center, size, rotation), CAM2IMG, SIZE)
    inside = (np.random.rand(200, 3) - 0.5) * size @ rotation.T + center
    pixels = inside[inside[:, 2] > 0.01] @ CAM2IMG.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    pixels = pixels[((pixels > 0) & (pixels < SIZE)).all(axis=1)]
    if shown is None:
        assert not len(pixels)
        return
    x1, y1, x2, y2 = shown.bbox
    assert 0 <= x1 < x2 <= SIZE[0]
    assert 0 <= y1 < y2 <= SIZE[1]
    assert 0 <= shown.truncation <= 1
    assert (pixels >= np.array([x1, y1]) - 1e-6).all()
    assert (pixels <= np.array([x2, y2]) + 1e-6).all()
