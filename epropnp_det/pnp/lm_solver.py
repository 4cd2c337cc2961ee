"""Levenberg-Marquardt with a trust region per object."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from .backend import select_backend
from .kernels import PackedProblem
from .lm_result import LMResult, TwoResults
from .local_frame import LocalFrame
from .pose import finite_poses, pose_type_of
from .problem import PnPProblem
from .tensor_batch import check_shape, full_precision
from .trust_region import RIDGE, State, solve


@dataclass(frozen=True)
class LMSolver:
    """Levenberg-Marquardt of a fixed number of iterations (EPro-PnP, arXiv 2203.13254).

    Attributes:
        num_iter: trial steps.
        centre: solve with the object's origin at the mean of its points, which decouples rotation
            from translation, and move the pose back afterwards.
        initial_radius: trust-region radius to begin with.
        min_relative_decrease: share of the predicted decrease that a step must achieve.
        compile: compile the inner loops at first use, which takes some minutes, once.

    Example:
        >>> result = LMSolver(num_iter=10)(problem, pose + 0.1)  # those of PnPProblem's example
        >>> torch.allclose(result.pose, pose, atol=1e-3)
        True
    """

    num_iter: int = 10
    centre: bool = True
    initial_radius: float = 30.0
    min_relative_decrease: float = 1e-3
    compile: bool = False

    @torch.no_grad()
    @full_precision
    def __call__(self, problem: PnPProblem, pose_init: Tensor) -> LMResult:
        """Minimise the cost of each object. No gradient flows.

        Args:
            problem: B objects.
            pose_init: (B, P).

        Raises:
            ValueError: if ``pose_init`` has another shape.
        """
        check_shape("pose_init", pose_init, (len(problem), pose_type_of(pose_init).dim))
        pose, finite = finite_poses(pose_init)
        usable = problem.usable() & finite
        problem = problem.masked(usable)
        backend = select_backend(self.compile, problem.camera)
        problem, frame = problem.in_own_unit(self.centre)
        poses = frame.enter(pose)[None]
        return self.solve_packed(problem.pack(backend.layout), poses, usable, frame).original

    def solve_packed(
        self, problem: PackedProblem, poses: Tensor, usable: Tensor, frame: LocalFrame
    ) -> TwoResults:
        """From several poses of each object, of which the one with the least cost is kept.

        Args:
            problem: in the layout of the solver's backend, all numbers finite.
            poses: (F, B, P), of the problem's objects in its units.
            usable: (B,) bool: the objects that are meant.
            frame: of the problem.
        """
        backend = select_backend(self.compile, problem.camera)
        count, batch, _ = poses.shape
        padded = pad(poses, (0, 0, 0, math.prod(problem.grid) - batch))
        several = problem.repeated(count, backend.layout)
        # No view, whatever the padding is: compilers treat views as a case of their own.
        laid_out = padded.reshape(*several.grid, padded.shape[2]).clone()
        state = self.minimise(several, laid_out)
        return backend.best_result(state, count, usable, frame)

    def minimise(self, problem: PackedProblem, poses: Tensor) -> State:
        """The iterations alone, from poses (C, L, P) of packed objects, padding included."""
        backend = select_backend(self.compile, problem.camera)
        settings = (self.num_iter, self.initial_radius, self.min_relative_decrease)
        return backend.minimise(pose_type_of(poses), problem, poses, *settings)


@full_precision
def gauss_newton_step(problem: PnPProblem, pose: Tensor) -> Tensor:
    """One undamped step from a pose, differentiable in x3d, x2d and w2d: the 'plus' pose.

    From the solver's optimum this pose carries the derivative of the optimum, for the derivative
    regularisation loss (EPro-PnP, 'Local Regularization of Derivatives').

    Args:
        problem: B objects.
        pose: (B, P), treated as a constant.

    Returns:
        (B, P); the given pose, made finite and without gradient, where no step can be computed.

    Raises:
        ValueError: if ``pose`` has another shape.

    Example:
        >>> pose_plus = gauss_newton_step(problem, pose + 0.01)  # those of PnPProblem's example
        >>> torch.allclose(pose_plus, pose, atol=1e-3)
        True
    """
    check_shape("pose", pose, (len(problem), pose_type_of(pose).dim))
    pose, finite = finite_poses(pose.detach())
    sound = problem.usable() & finite
    with torch.no_grad():
        feasible = _undamped_step(problem.masked(sound), pose).isfinite().all(-1)
    step = _undamped_step(problem.masked(sound & feasible), pose)
    return pose_type_of(pose).retract(pose, step)


def _undamped_step(problem: PnPProblem, pose: Tensor) -> Tensor:
    problem, frame = problem.in_own_unit(centre=False)
    model = problem.quadratic_model(frame.enter(pose))
    step = solve(model, RIDGE)
    step = torch.stack([part * frame.unit for part in step[:3]] + step[3:], dim=-1)
    # A cost that overflowed makes the step worthless, even where it is finite.
    return step + 0 * model.cost[:, None]
