import numpy as np
import pypose_solvers
import pytest
import torch
from poses import pose_errors
from problems import ProblemSettings, make_problem
from pypose_solvers import PYPOSE_INSTALLED, solve_pypose
from torch import Tensor

pytestmark = pytest.mark.skipif(not PYPOSE_INSTALLED, reason="PyPose is not installed")


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("num_iter", [0, 2])
def test_finds_the_pose(dof: int, num_iter: int) -> None:
    settings = ProblemSettings(3, num_points=32, dof=dof, noise=0.1, depth=(5.0, 20.0))
    problem, true_pose = make_problem(settings)
    metres, degrees = pose_errors(solve_pypose(problem, dof, num_iter), true_pose)
    assert metres.max() < 0.05
    assert degrees.max() < 0.3


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("num_iter", [0, 2])
def test_an_object_without_a_pose_does_not_end_the_run(
    dof: int, num_iter: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    epnp = pypose_solvers.pp.module.EPnP()

    def failing(*args: Tensor) -> Tensor:
        poses = epnp(*args).tensor().clone()
        poses[1] = torch.nan
        return pypose_solvers.pp.SE3(poses)

    monkeypatch.setattr(pypose_solvers.pp.module, "EPnP", lambda: failing)
    problem, true_pose = make_problem(ProblemSettings(3, num_points=32, dof=dof))
    metres, _ = pose_errors(solve_pypose(problem, dof, num_iter), true_pose)
    assert np.isinf(metres).tolist() == [False, True, False]
