"""Levenberg-Marquardt with a trust region per object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .backend import select_backend
from .kernels import PackedProblem
from .pose import finite_poses, pose_type_of, rotate
from .problem import PnPProblem
from .tensor_batch import TensorBatch, all_finite, check_shape, full_precision
from .trust_region import RIDGE, State, solve

MIN_INFORMATION = 1e-8
"""A parameter with less (a deviation above 10 km) is not determined by the points. Far less than
the ridge: early in training weights are small, and the loss must still see such objects."""


@dataclass(frozen=True, eq=False)
class LMResult(TensorBatch):
    """Where the solver ended.

    Attributes:
        pose: (B, P), always finite; metres, and radians or a unit quaternion.
        cost: (B,) at that pose.
        covariance: (B, dof, dof), inverse of the normal matrix plus the ridge at that pose; the
            identity where the object is not valid. Metres, and radians (4 DoF) or steps d of the
            quaternion, which turn by 2 d radians (6 DoF).
        valid: (B,) bool: the object's numbers are finite and its points determine the pose.
        num_accepted: (B,) int: steps that were accepted.

    Example:
        >>> result = LMSolver()(problem, pose)  # those of the example of PnPProblem
        >>> result.valid, result.covariance.shape, LMResult.cat([result, result]).pose.shape
        (tensor([True]), torch.Size([1, 4, 4]), torch.Size([2, 4]))
    """

    pose: Tensor
    cost: Tensor
    covariance: Tensor
    valid: Tensor
    num_accepted: Tensor


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
        mean = None
        if self.centre:
            problem, mean = problem.centred()
            pose = move_origin(pose, mean)
        packed = problem.pack(select_backend(self.compile, problem.camera).layout)
        result = self.solve_packed(packed, pose, usable)
        return result if mean is None else move_result(result, -mean)

    def solve_packed(self, problem: PackedProblem, pose: Tensor, usable: Tensor) -> LMResult:
        """As a call, where the numbers of all objects are finite and the poses (B, P) are poses.

        Args:
            problem: in the layout of the solver's backend.
            pose: (B, P).
            usable: (B,) bool: the objects that are meant.
        """
        return _result(self.minimise(problem, pose), usable)

    def minimise(self, problem: PackedProblem, pose: Tensor, final_model: bool = True) -> State:
        """The iterations alone, of as many objects as there are poses (M, P).

        Args:
            problem: in the layout of the solver's backend.
            pose: (M, P).
            final_model: whether gradient and Hessian are wanted at the end; else only pose and cost
                belong together.
        """
        kind, objects = pose_type_of(pose), len(pose)
        backend, decrease = select_backend(self.compile, problem.camera), self.min_relative_decrease
        state, trial = backend.start(
            kind, backend.layout, pose, problem.num_objects, self.initial_radius
        )
        for _ in range(self.num_iter):
            state, trial = backend.iterate(kind, backend.layout, problem, state, trial, decrease)
        state = backend.conclude(kind, problem, state, trial, decrease, final_model)
        return state.first(objects)


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
    pose, finite = finite_poses(pose.detach())
    with torch.no_grad():
        safe = problem.masked(problem.usable() & finite)
        feasible = _undamped_step(safe, pose).isfinite().all(-1)
    step = _undamped_step(problem.masked(problem.usable() & finite & feasible), pose)
    return pose_type_of(pose).retract(pose, step)


def _undamped_step(problem: PnPProblem, pose: Tensor) -> Tensor:
    model = problem.quadratic_model(pose)
    # A cost that overflowed makes the step worthless, even where it is finite.
    return torch.stack(solve(model, RIDGE), dim=-1) + 0 * model.cost[:, None]


def _result(state: State, usable: Tensor) -> LMResult:
    """Covariance and validity at the end; objects whose numbers overflowed are given up."""
    hessian = state.model.matrix()
    ridge = RIDGE * torch.eye(hessian.shape[-1], dtype=hessian.dtype, device=hessian.device)
    covariance = torch.linalg.inv_ex(hessian + ridge).inverse
    return _finite_result(
        LMResult(
            state.pose,
            state.model.cost,
            covariance,
            usable & _determines_pose(hessian),
            state.num_accepted.clamp(min=0),
        )
    )


def _determines_pose(hessian: Tensor) -> Tensor:
    """(B,) bool: whether every direction in the tangent space carries information.

    The squared pivots of the correlation matrix are the shares of a parameter's information that
    the parameters before it do not explain; rounding alone leaves about one epsilon.
    """
    diagonal = hessian.diagonal(dim1=-2, dim2=-1)
    informed = (diagonal > MIN_INFORMATION).all(-1)
    root = diagonal.clamp(min=MIN_INFORMATION).rsqrt()
    factor, failed = torch.linalg.cholesky_ex(hessian * root[..., None] * root[..., None, :])
    smallest = factor.diagonal(dim1=-2, dim2=-1).square().amin(-1)
    return informed & (failed == 0) & (smallest > 16 * torch.finfo(hessian.dtype).eps)


def move_origin(pose: Tensor, offset: Tensor) -> Tensor:
    """Poses (..., B, P) after the objects' origins moved by ``offset`` (B, 3) in their frames."""
    moved = pose[..., :3] + rotate(pose, offset[:, None])[..., 0, :]
    return torch.cat((moved, pose[..., 3:]), dim=-1)


def move_result(result: LMResult, offset: Tensor) -> LMResult:
    """Pose and covariance after the origin moved: the translation takes part in the rotation."""
    rotated = rotate(result.pose, offset[:, None])[:, 0]
    size = result.covariance.shape[-1]
    axes = torch.eye(size, dtype=offset.dtype, device=offset.device)
    transport = axes.repeat(len(offset), 1, 1)
    for i in range(3):
        columns = pose_type_of(result.pose).rotation_gradient(list(axes[i, :3]), rotated.unbind(-1))
        transport[:, i, 3:] = torch.stack(columns, dim=-1)
    return _finite_result(
        LMResult(
            move_origin(result.pose, offset),
            result.cost,
            transport @ result.covariance @ transport.mT,
            result.valid,
            result.num_accepted,
        )
    )


def _finite_result(result: LMResult) -> LMResult:
    """Give up objects whose numbers overflowed."""
    pose, finite = finite_poses(result.pose)
    finite = finite & result.cost.isfinite() & all_finite(result.covariance.flatten(1))
    valid = result.valid & finite
    identity = torch.eye(result.covariance.shape[-1], dtype=pose.dtype, device=pose.device)
    covariance = torch.where(valid[:, None, None], result.covariance, identity)
    return LMResult(pose, result.cost, covariance, valid, result.num_accepted)
