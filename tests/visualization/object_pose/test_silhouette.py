"""Outlines of models, against hulls of projected corners."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from epropnp_det.datasets.bop import Mesh
from epropnp_det.visualization.object_pose import silhouette

CAM2IMG = np.array([[500.0, 3, 160], [0, 480, 120], [0, 0, 1]])
POSE = np.array([0.05, -0.02, 0.8, 0.8, 0.2, -0.4, 0.4])
WINDOW = np.array([-0.5, -0.5, 319.5, 239.5])


def pixels_of(points: np.ndarray) -> np.ndarray:
    """By the rotation matrix of the quaternion, written out."""
    w, i, j, k = POSE[3:]
    rotation = np.array(
        [
            [w * w + i * i - j * j - k * k, 2 * (i * j - w * k), 2 * (i * k + w * j)],
            [2 * (i * j + w * k), w * w - i * i + j * j - k * k, 2 * (j * k - w * i)],
            [2 * (i * k - w * j), 2 * (j * k + w * i), w * w - i * i - j * j + k * k],
        ]
    )
    moved = (rotation @ points.T).T + POSE[:3]
    rays = moved / moved[:, 2:]
    return np.stack([500 * rays[:, 0] + 3 * rays[:, 1] + 160, 480 * rays[:, 1] + 120], axis=1)


def distances(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Of points (P, 2) from the border of a polygon (Q, 2)."""
    starts, ways = polygon, np.roll(polygon, -1, axis=0) - polygon
    along = ((points[:, None] - starts) * ways).sum(-1) / (ways**2).sum(-1)
    nearest = starts + along.clip(0, 1)[..., None] * ways
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(axis=1)


def test_outline_of_a_box_is_the_hull_of_its_corners(box_mesh, box_model):
    (border,) = silhouette(box_mesh, POSE, CAM2IMG, WINDOW)
    pixels = pixels_of(box_model.surface.corners())
    hull = pixels[ConvexHull(pixels).vertices]
    assert distances(border, hull).max() < 0.3
    assert distances(hull, border).max() < 0.5


def test_holes_have_borders():
    """A square ring of eight triangles, seen from ahead."""
    outer = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.1
    vertices = np.column_stack([np.concatenate([outer, outer / 2]), np.zeros(8)])
    faces = [(i, (i + 1) % 4, 4 + i) for i in range(4)]
    faces += [((i + 1) % 4, 4 + (i + 1) % 4, 4 + i) for i in range(4)]
    ring = Mesh(vertices.astype(np.float32), np.array(faces, np.int32))
    pose = np.array([0, 0, 1.0, 1, 0, 0, 0])
    borders = silhouette(ring, pose, np.array([[500.0, 0, 160], [0, 500, 120], [0, 0, 1]]), WINDOW)
    sides = sorted(float(np.ptp(border, axis=0).max()) for border in borders)
    assert sides == pytest.approx([50, 100], abs=1)


def test_what_leaves_the_window_is_cut_off(box_mesh):
    window = np.array([180.0, 90, 200, 110])
    borders = silhouette(box_mesh, POSE, CAM2IMG, window)
    points = np.concatenate(borders)
    assert (points >= window[:2] - 0.2).all() and (points <= window[2:] + 0.2).all()
    assert silhouette(box_mesh, POSE, CAM2IMG, window + 1000) == []


def test_nothing_is_seen_of_what_is_behind(box_mesh):
    behind = POSE * np.array([1, 1, -1, 1, 1, 1, 1])
    assert silhouette(box_mesh, behind, CAM2IMG, WINDOW) == []
    # Around the camera: some triangles reach behind it.
    within = np.array([0, 0, 0.0, 1, 0, 0, 0])
    assert all(np.isfinite(b).all() for b in silhouette(box_mesh, within, CAM2IMG, WINDOW))
