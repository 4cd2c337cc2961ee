"""What `pnp.py` measures: one solver on one batch of problems, ready to be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from arithmetic import monte_carlo_operations, solver_operations
from cuda_graph import CapturedCall
from opencv_solvers import OPENCV_METHODS, solve_opencv
from problems import ProblemSettings, make_problem
from pypose_solvers import PYPOSE_INSTALLED, solve_pypose
from torch import Tensor

from epropnp_det.pnp import (
    EProPnP,
    HuberCost,
    LMSolver,
    PerspectiveCamera,
    PnPProblem,
    RandomSampleSolver,
    monte_carlo_pose_loss,
)

INFERENCE_ITER, TRAINING_ITER = 5, 10
"""Levenberg-Marquardt iterations on all points."""

GRAPH = "ours, CUDA graph"
OURS = {"ours, eager": False, "ours, compiled": True, GRAPH: True}
PYPOSE = {"PyPose EPnP": 0, "PyPose EPnP + LM": INFERENCE_ITER}
BASELINE = "OpenCV ITERATIVE"
SOLVERS = (*OURS, BASELINE, "OpenCV RANSAC", *PYPOSE)


@dataclass(frozen=True)
class Workload:
    """A row of the table.

    Attributes:
        solver: one of ``SOLVERS``.
        problems: what to solve.
        mc_samples: Monte Carlo samples of a training step, with its backward pass; 0 for inference.
        device: where it runs.
    """

    solver: str
    problems: ProblemSettings
    mc_samples: int = 0
    device: str = "cpu"

    @property
    def task(self) -> str:
        return f"training, K={self.mc_samples}" if self.mc_samples else "inference"

    @property
    def available(self) -> bool:
        """Whether the solver is installed, runs on the device and does the task."""
        if self.solver in OURS:
            return self.solver != GRAPH or self.device != "cpu"
        if self.solver in OPENCV_METHODS:
            return not self.mc_samples and self.device == "cpu"
        return not self.mc_samples and PYPOSE_INSTALLED

    @property
    def operations(self) -> int:
        """Arithmetic floor of one call of ours."""
        dof, num_points = self.problems.dof, self.problems.num_points
        refine_iter = TRAINING_ITER if self.mc_samples else INFERENCE_ITER
        each = solver_operations(dof, num_points, refine_iter)
        each += monte_carlo_operations(dof, num_points, self.mc_samples)
        return self.problems.num_objects * each


def prepare(workload: Workload) -> tuple[Callable[[], Tensor], Tensor]:
    """A function that solves the problems once and returns poses (B, P), and the true poses."""
    problem, true_pose = make_problem(workload.problems)
    problem, true_pose = problem.to(workload.device), true_pose.to(workload.device)
    dof = workload.problems.dof
    if workload.solver in OPENCV_METHODS:
        return lambda: solve_opencv(problem, workload.solver, dof), true_pose
    if workload.solver in PYPOSE:
        return lambda: solve_pypose(problem, dof, PYPOSE[workload.solver]), true_pose
    compiled = OURS[workload.solver]
    if workload.mc_samples:
        call = _training(problem, true_pose, workload.mc_samples, compiled)
    else:
        call = _inference(problem, dof, compiled)
    return CapturedCall(call) if workload.solver == GRAPH else call, true_pose


def _random_sample_solver(dof: int, num_iter: int, compiled: bool) -> RandomSampleSolver:
    return RandomSampleSolver(dof, refine=LMSolver(num_iter, compile=compiled), compile=compiled)


def _inference(problem: PnPProblem, dof: int, compiled: bool) -> Callable[[], Tensor]:
    solver = _random_sample_solver(dof, INFERENCE_ITER, compiled)
    return lambda: solver(_from_correspondences(problem)).pose


def _training(
    problem: PnPProblem, true_pose: Tensor, mc_samples: int, compiled: bool
) -> Callable[[], Tensor]:
    dof = 4 if true_pose.shape[1] == 4 else 6
    solver = _random_sample_solver(dof, TRAINING_ITER, compiled)
    layer = EProPnP(dof, mc_samples, solver=solver, compile=compiled)
    leaves = [t.requires_grad_() for t in (problem.x3d, problem.x2d, problem.w2d)]

    def step() -> Tensor:
        posterior = layer(_from_correspondences(problem), true_pose)
        torch.autograd.grad(monte_carlo_pose_loss(posterior).mean(), leaves)
        return posterior.mode

    return step


def _from_correspondences(problem: PnPProblem) -> PnPProblem:
    """The problem, put together again: the robust cost and the checks belong to the time."""
    camera = PerspectiveCamera(problem.camera.cam_mats, problem.camera.bounds)
    robust_cost = HuberCost.adaptive(problem.x2d, problem.w2d)
    return PnPProblem(problem.x3d, problem.x2d, problem.w2d, camera, robust_cost)
