"""Nearest neighbours against scipy's."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from epropnp_det.evaluation.bop.nearest import PointTree


def motions(shift: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    turns = Rotation.from_rotvec(rng.normal(0, 0.3, (3, 3))).as_matrix()
    return turns, rng.normal(0, shift, (3, 3))


def expected(points: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    moved = points @ rotation.transpose(0, 2, 1) + translation[:, None]
    return cKDTree(points).query(moved)[0].mean(axis=1)


@pytest.mark.parametrize("shift", [0.0, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("count", [1, 2, 16, 17, 400, 1023])
def test_distances(count, shift):
    points = np.random.default_rng(count).normal(0, 30, (count, 3))
    rotation, translation = motions(shift)
    found = PointTree.of(points).mean_distance(rotation, translation)
    np.testing.assert_allclose(found, expected(points, rotation, translation), rtol=1e-12)


@pytest.mark.parametrize("flat", [(1, 1, 0), (0, 0, 1), (0, 0, 0)])
def test_points_without_volume(flat):
    points = np.tile(np.random.default_rng(0).normal(0, 30, (70, 3)) * flat, (3, 1))
    rotation, translation = motions(5.0)
    found = PointTree.of(points).mean_distance(rotation, translation)
    np.testing.assert_allclose(found, expected(points, rotation, translation), rtol=1e-12)


def test_points_on_a_grid():
    points = np.stack(np.meshgrid(*[np.arange(7.0)] * 3), -1).reshape(-1, 3)
    rotation, translation = np.eye(3)[None], np.array([[0.5, 0, 0]])
    found = PointTree.of(points).mean_distance(rotation, translation)
    assert found == pytest.approx([0.5])
