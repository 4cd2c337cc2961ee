"""Rotations as directions and angles, and their density."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from epropnp_det.visualization.object_pose import draw_rotation_density
from epropnp_det.visualization.object_pose.rotation_sphere import (
    direction_density,
    in_plane_angles,
    turn_colours,
    view_directions,
)


def test_direction_and_angle_make_the_rotation():
    """Looking from the direction with z up, and turned by the angle: the rotation again."""
    for rotation in Rotation.random(20, random_state=0).as_matrix():
        toward = view_directions(rotation)
        forward, up = -toward, np.array([0.0, 0, 1])
        right = np.cross(forward, up) / np.linalg.norm(np.cross(forward, up))
        upright = np.stack([right, np.cross(forward, right), forward])
        angle = in_plane_angles(rotation)
        # Clockwise in an image, whose y axis points down.
        turned = Rotation.from_rotvec([0, 0, angle]).as_matrix() @ upright
        np.testing.assert_allclose(turned, rotation, atol=1e-9)


def test_camera_of_a_known_place():
    """A camera on the model's x axis that looks back at it, the model's z axis up in the image."""
    rotation = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])
    np.testing.assert_allclose(view_directions(rotation), [1, 0, 0])
    assert in_plane_angles(rotation) == pytest.approx(0)
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]) @ rotation  # clockwise
    assert in_plane_angles(quarter) == pytest.approx(np.pi / 2)


def sphere(count: int) -> tuple[np.ndarray, float]:
    """Directions that cover the sphere evenly, and the solid angle of each."""
    z = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], -1), 4 * np.pi / count


def test_density_adds_up_to_one_and_peaks_at_the_samples():
    nodes, solid_angle = sphere(20000)
    rng = np.random.default_rng(0)
    directions = rng.normal([0, 0.8, 0.6], 0.1, (60, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    weight = rng.uniform(size=60)
    weight /= weight.sum()
    density, turning = direction_density(directions, np.full(60, 0.7), weight, nodes)
    assert density.sum() * solid_angle == pytest.approx(1, rel=2e-3)
    assert nodes[density.argmax()] @ [0, 0.8, 0.6] > np.cos(np.radians(5))
    np.testing.assert_allclose(np.angle(turning[density > 1e-3]), 0.7, atol=1e-4)
    np.testing.assert_allclose(np.abs(turning[density > 1e-3]), 1, atol=1e-4)


def test_angles_that_disagree_are_grey():
    toward = np.tile([1.0, 0, 0], (4, 1))
    quarters = np.radians([0, 90, 180, 270])
    _, turning = direction_density(toward, quarters, np.full(4, 0.25), toward[:1])
    assert abs(turning[0]) < 1e-6
    assert np.ptp(turn_colours(turning)[0]) < 1e-5
    assert np.ptp(turn_colours(np.ones(1, complex))[0]) > 0.8


def test_degenerate_samples_have_no_density_and_one_sample_has_some():
    nodes, _ = sphere(100)
    for directions, weight in ((np.zeros((0, 3)), np.zeros(0)), (nodes[:3], np.zeros(3))):
        density, turning = direction_density(directions, np.zeros(len(weight)), weight, nodes)
        assert not density.any() and not turning.any()
    density, _ = direction_density(nodes[:1], np.zeros(1), np.ones(1), nodes)
    assert density.argmax() == 0 and np.isfinite(density).all()


def axes():
    return Figure().add_subplot(projection="mollweide")


def test_truth_is_a_circle_for_each_rotation_that_looks_alike():
    ax, truth = axes(), Rotation.random(3, random_state=1).as_matrix()
    draw_rotation_density(ax, truth[:2], np.full(2, 0.5), truth)
    places = ax.collections[-1].get_offsets()
    directions = view_directions(truth)
    np.testing.assert_allclose(places[:, 0], np.arctan2(directions[:, 1], directions[:, 0]))
    np.testing.assert_allclose(np.sin(places[:, 1]), directions[:, 2])


def test_nothing_known_is_an_empty_sphere():
    ax = axes()
    draw_rotation_density(ax, np.zeros((0, 3, 3)), np.zeros(0), np.zeros((0, 3, 3)))
    (mesh,) = ax.collections
    np.testing.assert_array_equal(mesh.get_array(), 1)
