import numpy as np
import pytest
import torch
from poses import perturbed, pose_errors, pose_of, rotation_of
from scipy.optimize import minimize_scalar
from scipy.spatial.transform import Rotation


@pytest.mark.parametrize("dof", [4, 6])
def test_pose_keeps_translation_and_rotation(dof: int) -> None:
    rng = np.random.default_rng(0)
    axes = np.array([0.0, 1.0, 0.0]) if dof == 4 else rng.standard_normal((5, 3))
    rotation = Rotation.from_rotvec(axes * rng.uniform(-1.5, 1.5, (5, 1)))
    translation = rng.standard_normal((5, 3))

    pose = pose_of(translation, rotation, dof)

    assert pose.shape == (5, 4 if dof == 4 else 7)
    assert np.array_equal(pose[:, :3], translation)
    assert (rotation_of(pose) * rotation.inv()).magnitude().max() < 1e-7


def test_yaw_matrix_is_that_of_the_layer() -> None:
    matrix = rotation_of(torch.tensor([[0.0, 0.0, 5.0, 0.3]])).as_matrix()[0]
    c, s = np.cos(0.3), np.sin(0.3)
    assert np.allclose(matrix, [[c, 0, s], [0, 1, 0], [-s, 0, c]])


def test_4dof_takes_the_nearest_yaw() -> None:
    rotations = Rotation.random(20, rng=np.random.default_rng(1))
    yaws = pose_of(np.zeros((20, 3)), rotations, 4)[:, 3]
    for yaw, rotation in zip(yaws, rotations, strict=True):

        def distance(angle: float, rotation: Rotation = rotation) -> float:
            near = Rotation.from_euler("y", angle).as_matrix()
            return np.linalg.norm(near - rotation.as_matrix())

        found = [minimize_scalar(distance, (a, a + 0.1)).fun for a in np.linspace(-3, 3, 5)]
        assert distance(float(yaw)) == pytest.approx(min(found), abs=1e-7)


def test_errors_are_metres_and_degrees_and_infinite_without_a_pose() -> None:
    true_pose = torch.tensor([[0.0, 0.0, 5.0, 3.1], [1.0, 2.0, 9.0, 0.0]])
    pose = torch.tensor([[3.0, 4.0, 5.0, -3.1], [float("nan"), 2.0, 9.0, 0.0]])
    translation, rotation = pose_errors(pose, true_pose)
    assert translation == pytest.approx([5.0, np.inf])
    assert rotation == pytest.approx([np.degrees(2 * np.pi - 6.2), np.inf], rel=1e-4)


def test_errors_do_not_mind_the_sign_of_a_quaternion() -> None:
    pose = torch.tensor([[0.0, 0.0, 5.0, 0.6, 0.0, 0.8, 0.0]])
    opposite = torch.cat((pose[:, :3], -pose[:, 3:]), dim=1)
    assert pose_errors(pose, opposite)[1] == pytest.approx([0.0], abs=1e-4)


@pytest.mark.parametrize("dof", [4, 6])
def test_perturbation_stays_within_its_bounds_and_fills_them(dof: int) -> None:
    rng = np.random.default_rng(2)
    depth = rng.uniform(3, 60, 500)
    translation = np.stack((np.zeros(500), np.zeros(500), depth), axis=1)
    true_pose = pose_of(translation, Rotation.from_euler("y", rng.uniform(-3, 3, (500, 1))), dof)

    shift, degrees = pose_errors(perturbed(true_pose, rng, 0.1, 45.0), true_pose)

    assert shift == pytest.approx(0.1 * depth)
    assert 43.0 < degrees.max() <= 45.0
    assert degrees.mean() == pytest.approx(22.5, abs=2.0)
