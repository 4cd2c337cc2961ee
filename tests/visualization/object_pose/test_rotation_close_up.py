"""Samples of a rotation around its estimate."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from epropnp_det.visualization.object_pose import draw_rotation_close_up
from epropnp_det.visualization.object_pose.rotation_close_up import reach_of, turns_from

ESTIMATE = Rotation.from_rotvec([0.4, -1.2, 0.7])


def test_turns_are_about_the_axes_of_the_camera():
    small = np.array([[1.0, 0, 0], [0, -2, 0], [0.5, 0.5, 3]])
    rotations = (Rotation.from_rotvec(small, degrees=True) * ESTIMATE).as_matrix()
    np.testing.assert_allclose(turns_from(rotations, ESTIMATE.as_matrix()), small, atol=1e-9)
    assert turns_from(np.zeros((0, 3, 3)), np.eye(3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("turns", "weight", "reach"),
    [
        ([[1.1, 0], [0, -0.3]], [0.5, 0.5], 2),
        ([[30, 0], [0.04, -0.3]], [0.01, 0.99], 0.5),  # the far one is a hundredth of it
        ([[0, -90.0]], [1], 100),
        ([[0, -120.0]], [1], 180),
        ([[0, 0.0]], [1], 0.05),
        ([[3, 3.0]], [0], 0.05),
        (np.zeros((0, 2)), [], 0.05),
    ],
)
def test_reach(turns, weight, reach):
    assert reach_of(np.array(turns, float), np.array(weight, float)) == pytest.approx(reach)


def test_truth_lies_where_its_error_says():
    ax = Figure().add_subplot()
    true = Rotation.from_rotvec([1.0, -0.5, 2], degrees=True) * ESTIMATE
    error = (ESTIMATE * true.inv()).as_rotvec()
    near = (Rotation.from_rotvec([[2.0, 0, 0]], degrees=True) * ESTIMATE).as_matrix()
    draw_rotation_close_up(ax, near, np.ones(1), ESTIMATE.as_matrix(), error)
    dots, cross, circle = ax.collections
    np.testing.assert_allclose(dots.get_offsets(), [[2, 0]], atol=1e-9)
    np.testing.assert_allclose(cross.get_offsets(), [[0, 0]])
    np.testing.assert_allclose(circle.get_offsets(), [[1, -0.5]], atol=1e-9)
    assert ax.get_xlim() == pytest.approx((-2, 2))
