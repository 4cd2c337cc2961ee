import numpy as np
import pytest

from epropnp_det.visualization import PoseSamples, plane_density, yaw_density
from epropnp_det.visualization.posterior import mass_levels, plane_grid

ANGLES = np.linspace(-np.pi, np.pi, 721)[:-1]


def normalised(weight):
    return weight / weight.sum()


@pytest.mark.parametrize("scale", [(0.5, 3.0), (1e-4, 2.0), (0.0, 0.0)])
def test_plane_density_integrates_to_one(scale):
    points = np.random.randn(400, 2) * scale @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + [4, 30]
    weight = normalised(np.random.rand(400))
    nodes = plane_grid(points, weight, cells=101, reach=6)
    cell = np.linalg.norm(nodes[0, 1] - nodes[0, 0]) * np.linalg.norm(nodes[1, 0] - nodes[0, 0])
    assert plane_density(points, weight, nodes).sum() * cell == pytest.approx(1, abs=0.02)


def test_plane_density_is_that_of_the_distribution():
    points = np.random.randn(4000, 2) * [1, 2]
    proposal = np.exp(-0.5 * (points**2 / [1, 4]).sum(1))
    target = np.exp(-0.5 * ((points - [0.5, 0]) ** 2 / [0.25, 1]).sum(1))
    density = plane_density(points, normalised(target / proposal), np.array([[0.5, 0], [1.0, 1.0]]))
    np.testing.assert_allclose(density, np.array([1, np.exp(-1)]) / np.pi, rtol=0.15)


def test_plane_density_of_one_sample_is_a_narrow_bump():
    nodes = np.array([[1.0, 2.0], [1.5, 2.0]])
    at, apart = plane_density(np.array([[1.0, 2.0]]), np.ones(1), nodes)
    assert at > 100 and apart < 1e-6


@pytest.mark.parametrize("spread", [0.001, 0.3, 10.0])
def test_yaw_density_integrates_to_one(spread):
    yaw = np.random.randn(200) * spread + 3
    density = yaw_density(yaw, normalised(np.random.rand(200)), ANGLES)
    assert density.mean() * 2 * np.pi == pytest.approx(1, abs=1e-3)


def test_opposite_headings_stay_two_sharp_peaks():
    yaw = np.where(np.arange(300) % 3, 1.0, 1.0 - np.pi) + 0.05 * np.random.randn(300)
    density = yaw_density(yaw, np.full(300, 1 / 300), ANGLES)
    front = np.abs(ANGLES - 1.0) < 0.3
    back = np.abs(ANGLES - 1.0 + np.pi) < 0.3
    step = ANGLES[1] - ANGLES[0]
    assert density[front].sum() * step == pytest.approx(2 / 3, abs=0.02)
    assert density[back].sum() * step == pytest.approx(1 / 3, abs=0.02)
    assert ANGLES[density.argmax()] == pytest.approx(1.0, abs=0.05)


def test_weights_are_normalised_and_what_is_not_finite_has_none():
    poses = np.zeros((3, 2, 4))
    poses[1, 0, 0] = np.nan
    log_weights = np.array([[1000.0, 1000.0 + np.log(3)], [5, 5], [-np.inf, np.nan]])
    samples = PoseSamples.from_poses(poses, log_weights)
    np.testing.assert_allclose(samples.weight, [[0.25, 0.75], [0, 1], [0, 0]])
    assert np.isfinite(samples.position).all() and len(samples) == 3
    nothing = samples.position[2, :, :2], samples.weight[2]
    assert not plane_density(*nothing, np.zeros((4, 5, 2))).any()
    assert not yaw_density(samples.yaw[2], samples.weight[2], ANGLES).any()
    assert len(PoseSamples.from_poses(np.zeros((0, 7, 4)), np.zeros((0, 7)))) == 0


def test_transform_moves_positions():
    samples = PoseSamples.from_poses(np.ones((1, 2, 4)), np.zeros((1, 2)))
    pose = np.eye(4)
    pose[:3, 3] = 1, 2, 3
    moved = samples.transformed(pose)
    np.testing.assert_array_equal(moved.position[0, 0], [2, 3, 4])
    np.testing.assert_array_equal(moved.yaw, samples.yaw)


def test_levels_enclose_their_shares():
    x, y = np.meshgrid(*2 * [np.linspace(-5, 5, 201)])
    density = np.exp(-0.5 * (x**2 + y**2))
    levels = mass_levels(density, (0.95, 0.5))
    np.testing.assert_allclose(levels, [0.05, 0.5], rtol=0.02)  # of a plane Gaussian: 1 - share
