import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from shapely.geometry import MultiPoint, box

from epropnp_det.datasets.box_projection import NEAR, box_corners, project_box, project_boxes

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


def _by_shapely(corners):
    """Bounds and truncation of the convex hull of the projected part in front of the near plane.

    Between any two corners on different sides of the plane, be it an edge or a diagonal, lies a
    point of the box in that plane, and every corner of the cut is among these.
    """
    front = [c for c in corners if c[2] >= NEAR]
    behind = [c for c in corners if c[2] < NEAR]
    crossings = [a + (b - a) * (NEAR - a[2]) / (b[2] - a[2]) for a in front for b in behind]
    pixels = [(CAM2IMG @ point)[:2] / point[2] for point in (*front, *crossings)]
    outline = MultiPoint(pixels).convex_hull
    visible = outline.intersection(box(0, 0, *SIZE))
    return (visible.bounds, 1 - visible.area / outline.area) if visible.area > 0 else None


def _boxes(center_spread, sizes, number=300, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-1, 1, (number, 3)) * center_spread
    rotations = Rotation.random(number, rng=rng).as_matrix()
    return box_corners(centers, rng.uniform(*sizes, (number, 3)), rotations)


@pytest.mark.parametrize(
    ("spread", "sizes"),
    [
        ((12, 8, 30), (0.2, 6)),  # of a street, half of them behind the camera
        ((2, 2, 2), (0.5, 8)),  # cut by the near plane
        ((0.1, 0.1, 0.1), (1, 3)),  # around the camera
        ((2, 2, 10), (0.001, 0.01)),  # far smaller than a pixel
    ],
)
def test_all_boxes_of_an_image_as_shapely_has_them(spread, sizes):
    corners = _boxes(spread, sizes)
    found = project_boxes(corners, CAM2IMG, SIZE)
    assert any(found)
    for box_, shown in zip(corners, found, strict=True):
        expected = _by_shapely(box_)
        assert (shown is None) == (expected is None)
        if shown is not None:
            assert shown.bbox == pytest.approx(expected[0], rel=0, abs=1e-9)
            assert shown.truncation == pytest.approx(expected[1], rel=0, abs=1e-9)


def test_a_batch_is_its_boxes():
    corners = np.concatenate([_boxes((12, 8, 30), (0.2, 6), 50), _boxes((2, 2, 2), (0.5, 8), 50)])
    single = [project_box(box_, CAM2IMG, SIZE) for box_ in corners]
    assert project_boxes(corners, CAM2IMG, SIZE) == single
    assert project_boxes(corners[::-1], CAM2IMG, SIZE) == single[::-1]
    assert project_boxes(corners[:0], CAM2IMG, SIZE) == []


def test_corners_of_many_boxes_are_those_of_each():
    rng = np.random.default_rng(0)
    centers, sizes = rng.normal(size=(2, 20, 3))
    rotations = Rotation.random(20, rng=rng).as_matrix()
    each = [box_corners(*one) for one in zip(centers, sizes, rotations, strict=True)]
    assert np.array_equal(box_corners(centers, sizes, rotations), each)


def _upright(center, size):
    return box_corners(np.array(center, dtype=float), np.array(size, dtype=float), np.eye(3))


def test_box_around_the_camera_fills_the_image():
    shown = project_box(_upright((0, 0, 0), (4, 4, 4)), CAM2IMG, SIZE)
    assert shown.bbox == (0, 0, *SIZE)
    # What is cut off at 1 cm is 40,000 pixels wide.
    assert shown.truncation == pytest.approx(1 - 160 * 90 / (400 / NEAR) ** 2)


def test_a_whole_box_is_not_truncated_at_all():
    shown = project_boxes(_boxes((3, 1, 0), (0.1, 1)) + [0, 0, 20], CAM2IMG, SIZE)
    assert {part.truncation for part in shown} == {0}


def test_edge_through_a_corner_of_the_image():
    # A plate at 10 m, a square on its tip: the side through (0, 0) leaves out that corner only.
    turn = Rotation.from_euler("z", 45, degrees=True).as_matrix()
    half = np.array([80, 45]).sum() / 10 * np.sqrt(0.5)
    corners = box_corners(np.array([0, 0, 10.0]), np.array([2 * half, 2 * half, 0]), turn)
    shown = project_box(corners, CAM2IMG, SIZE)
    assert shown.bbox == pytest.approx((0, 0, *SIZE), abs=1e-9)
    assert shown.truncation == pytest.approx(1 - 160 * 90 / (2 * 125**2), abs=1e-9)
    # Moved so far that its other side runs through the corner.
    assert project_box(corners - [16 + 1e-9, 9, 0], CAM2IMG, SIZE) is None
    shown = project_box(corners - [16 - 1e-9, 9, 0], CAM2IMG, SIZE)
    assert shown.bbox == pytest.approx((0, 0, 1e-8, 1e-8), abs=1e-12)


@pytest.mark.parametrize(
    "corners",
    [
        _upright((0, 0, 10), (0, 0, 0)),
        _upright((0, 0, 10), (2, 0, 0)),
        _upright((0, 0, 10), (0, 2, 2)),  # a plate that is seen from its edge
        _upright((0, 0, 0), (0, 0, 0)),
        np.full((8, 3), np.nan),
    ],
)
def test_boxes_without_area_are_not_shown(corners):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert project_box(corners, CAM2IMG, SIZE) is None


@pytest.mark.parametrize("depth", [NEAR + 1, NEAR - 1])
def test_corners_in_the_near_plane_count_as_in_front(depth):
    shown = project_box(_upright((0, 0, depth), (2, 2, 2)), CAM2IMG, SIZE)
    assert shown.bbox == (0, 0, *SIZE)


def test_a_mirrored_box_covers_the_same_pixels():
    corners = _boxes((2, 2, 2), (0.5, 8), 50)
    mirrored = corners[:, [i ^ 1 for i in range(8)]]
    found = project_boxes(corners, CAM2IMG, SIZE)
    for one, other in zip(found, project_boxes(mirrored, CAM2IMG, SIZE), strict=True):
        assert (one is None) == (other is None)
        if one:
            assert one.bbox == pytest.approx(other.bbox, rel=0, abs=1e-9)
            assert one.truncation == pytest.approx(other.truncation, rel=0, abs=1e-9)
