from dataclasses import replace

import numpy as np
import pytest
import torch
from poses import rotation_of
from problems import BOX, FOCAL, IMAGE, ProblemSettings, make_problem

SETTINGS = ProblemSettings(200, num_points=40, noise=1e-3, dtype=torch.float64)


def seen_points(settings: ProblemSettings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in the camera frame, their exact pixels, and the pixels of the problem."""
    problem, pose = make_problem(settings)
    x3d = problem.x3d.numpy()
    rotations = rotation_of(pose)
    seen = np.stack([r.apply(points) for r, points in zip(rotations, x3d, strict=True)])
    seen += pose[:, None, :3].numpy()
    return seen, FOCAL * seen[..., :2] / seen[..., 2:] + IMAGE / 2, problem.x2d.numpy()


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("noise", [1e-3, 2.0])
def test_points_project_to_their_pixels(dof: int, noise: float) -> None:
    _, exact, pixels = seen_points(replace(SETTINGS, dof=dof, noise=noise))
    error = (pixels - exact) / noise
    assert error.std() == pytest.approx(1.0, abs=0.03)
    assert error.mean() == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("dof", [4, 6])
def test_objects_are_visible_at_the_depths_asked_for(dof: int) -> None:
    seen, exact, _ = seen_points(replace(SETTINGS, dof=dof))
    assert (exact >= 0).all()
    assert (exact <= IMAGE).all()
    nearest = seen[..., 2].min(axis=1)
    assert 3.0 <= nearest.min() < 6.0
    assert 57.0 < nearest.max() <= 60.0


@pytest.mark.parametrize("outliers", [0.0, 0.1, 0.3, 1.0])
def test_share_of_outliers_is_exact(outliers: float) -> None:
    _, exact, pixels = seen_points(replace(SETTINGS, outliers=outliers))
    far = np.abs(pixels - exact).max(axis=-1) > 0.1
    # One in a million outliers is this close to its pixel.
    assert np.all(far.sum(axis=1) == round(outliers * 40))
    assert (pixels[far] >= 0).all()
    assert (pixels[far] <= IMAGE).all()


def test_points_fill_the_box() -> None:
    x3d = make_problem(SETTINGS)[0].x3d.numpy()
    assert np.abs(x3d).max(axis=(0, 1)) == pytest.approx(BOX / 2, rel=0.01)
    assert x3d.std(axis=(0, 1)) == pytest.approx(BOX / np.sqrt(12), rel=0.02)


def test_weights_are_the_inverse_noise() -> None:
    assert (make_problem(replace(SETTINGS, noise=4.0))[0].w2d == 0.25).all()


def test_seed_decides() -> None:
    (first, pose), (second, again) = make_problem(SETTINGS), make_problem(SETTINGS)
    assert torch.equal(first.x2d, second.x2d)
    assert torch.equal(pose, again)
    other, other_pose = make_problem(replace(SETTINGS, seed=1))
    assert not torch.equal(first.x3d, other.x3d)
    assert not torch.equal(pose, other_pose)


def test_both_dtypes_are_the_same_problems() -> None:
    double, pose = make_problem(SETTINGS)
    single, single_pose = make_problem(replace(SETTINGS, dtype=torch.float32))
    assert torch.equal(double.x2d.float(), single.x2d)
    assert torch.equal(pose.float(), single_pose)


def test_delta_is_adaptive_or_given() -> None:
    adaptive, given = make_problem(SETTINGS)[0], make_problem(replace(SETTINGS, delta=3.0))[0]
    assert adaptive.robust_cost.delta.shape == (200,)
    assert given.robust_cost.delta == 3.0


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("count", [0, 1])
def test_few_objects(dof: int, count: int) -> None:
    problem, pose = make_problem(replace(SETTINGS, num_objects=count, dof=dof))
    assert len(problem) == count
    assert pose.shape == (count, 4 if dof == 4 else 7)
