import pytest
import torch
from opencv_solvers import OPENCV_METHODS, solve_opencv
from poses import pose_errors
from problems import ProblemSettings, make_problem


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("method", OPENCV_METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finds_the_pose(method: str, dof: int, dtype: torch.dtype) -> None:
    settings = ProblemSettings(6, dof=dof, noise=0.01, depth=(5.0, 20.0), dtype=dtype)
    problem, true_pose = make_problem(settings)
    pose = solve_opencv(problem, method, dof)
    assert pose.dtype == dtype
    metres, degrees = pose_errors(pose, true_pose)
    assert metres.max() < 0.01
    assert degrees.max() < 0.05


def test_ransac_survives_outliers() -> None:
    problem, true_pose = make_problem(ProblemSettings(6, outliers=0.3, depth=(5.0, 20.0)))
    assert pose_errors(solve_opencv(problem, "OpenCV RANSAC", 4), true_pose)[0].max() < 0.2


@pytest.mark.parametrize("method", OPENCV_METHODS)
def test_no_pose_is_nan(method: str) -> None:
    problem, _ = make_problem(ProblemSettings(2, num_points=2))
    pose = solve_opencv(problem, method, 4)
    assert pose.shape == (2, 4)
    assert pose[:, :3].isnan().all()


def test_no_objects() -> None:
    problem, _ = make_problem(ProblemSettings(0))
    assert solve_opencv(problem, "OpenCV SQPNP", 6).shape == (0, 7)
