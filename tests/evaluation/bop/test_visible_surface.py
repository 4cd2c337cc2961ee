"""VSD on images small enough to count, and rendered boxes against the distances of their sides."""

import numpy as np
import pytest
import trimesh

from epropnp_det.datasets.bop import Mesh, ObjectModel, Symmetries
from epropnp_det.errors import UserError
from epropnp_det.evaluation.bop import vsd
from epropnp_det.evaluation.bop.visible_surface import (
    TAUS,
    CastRenderer,
    check_renderer,
    distance_image,
    union,
    window_of,
)

CAM2IMG = np.array([[100, 0, 31.5], [0, 90, 20.25], [0, 0, 1]])
HALF = np.array([20.0, 30, 40])


def row(*values: float) -> np.ndarray:
    return np.array([values], float)


def test_pixels_one_by_one():
    #             right   off     missed  too much  hidden  neither
    true = row(100, 100, 100, 0, 150, 0)
    estimated = row(101, 108, 0, 100, 150, 0)
    measured = row(100, 100, 100, 100, 100, 100)
    found = vsd(measured, estimated, true, diameter=100, delta=15, taus=(0.05, 0.1))
    np.testing.assert_allclose(found, [3 / 4, 2 / 4])


def test_unknown_depth_counts_as_visible():
    found = vsd(row(0), row(100), row(100), diameter=50)
    np.testing.assert_array_equal(found, np.zeros(len(TAUS)))


def test_what_is_visible_by_the_truth_is_visible():
    """Where the true surface is seen, an estimated one behind it is compared, not hidden."""
    np.testing.assert_array_equal(vsd(row(100), row(130), row(100), 100, 15, (0.2, 0.4)), [1, 0])


def test_the_tolerance_itself_is_too_much():
    np.testing.assert_array_equal(vsd(row(0), row(105), row(100), 100, 15, (0.05, 0.0501)), [1, 0])


@pytest.mark.parametrize("measured", [0.0, 20.0])
def test_nothing_is_visible(measured):
    np.testing.assert_array_equal(vsd(row(measured), row(0), row(0), 50), np.ones(len(TAUS)))
    if measured:
        np.testing.assert_array_equal(vsd(row(20), row(90), row(90), 50), np.ones(len(TAUS)))


def test_distances_of_depths():
    depth = np.random.default_rng(0).uniform(0, 900, (5, 7))
    found = distance_image(depth, CAM2IMG)
    ray = np.linalg.inv(CAM2IMG) @ [6, 2, 1]
    assert found[2, 6] == pytest.approx(depth[2, 6] * np.linalg.norm(ray))
    assert distance_image(np.zeros((2, 2)), CAM2IMG).max() == 0


def box_model() -> ObjectModel:
    box = trimesh.creation.box(2 * HALF / 1000)
    mesh = Mesh(box.vertices.astype(np.float32), box.faces.astype(np.int32))
    return ObjectModel(1, 0.1, -HALF / 1000, 2 * HALF / 1000, Symmetries.none(), mesh)


def test_rendered_face():
    """Seen from straight ahead only the front of a box is seen, at one depth."""
    place, window = np.array([0.0, 0, 500]), (5, 3, 64, 41)
    found = CastRenderer(box_model()).distance(np.eye(3), place, CAM2IMG, window)
    assert found.shape == (38, 59)
    columns, rows = np.meshgrid(np.arange(5, 64), np.arange(3, 41))
    front = 500 - HALF[2]
    x, y = (columns - 31.5) / 100 * front, (rows - 20.25) / 90 * front
    inside = (abs(x) < HALF[0]) & (abs(y) < HALF[1])
    expected = distance_image(np.full((41, 64), front), CAM2IMG)[3:, 5:]
    np.testing.assert_array_equal(found > 0, inside)
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-5)


def test_without_a_renderer(monkeypatch):
    check_renderer()
    monkeypatch.setattr("epropnp_det.evaluation.bop.visible_surface.find_spec", lambda name: None)
    with pytest.raises(UserError, match="VSD renders models by embreex, which is not installed"):
        check_renderer()


def test_windows():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * HALF
    place = np.array([0.0, 0, 500])
    window = window_of(corners, np.eye(3), place, CAM2IMG, (64, 48))
    # The nearest corners are at 31.5 +- 100 * 20 / 460 and 20.25 +- 90 * 30 / 460.
    assert window == (27, 14, 37, 28)
    assert window_of(corners, np.eye(3), place - [0, 0, 480], CAM2IMG, (64, 48)) == (0, 0, 64, 48)
    left, _, right, _ = window_of(corners, np.eye(3), place + [900, 0, 0], CAM2IMG, (64, 48))
    assert left == right == 64
    assert union((1, 2, 5, 6), (3, 0, 4, 9)) == (1, 0, 5, 9)
