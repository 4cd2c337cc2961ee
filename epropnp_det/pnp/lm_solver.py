"""Levenberg-Marquardt with a trust region per object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .pose import finite_poses, pose_type_of
from .problem import NormalEquations, PnPProblem
from .tensor_batch import TensorBatch, check_shape, full_precision

RIDGE = 1e-5
"""Added to the diagonal of every normal matrix."""

MIN_INFORMATION = 1e-8
"""A parameter with less (a deviation above 10 km) is not determined by the points. Far less than
the ridge: early in training weights are small, and the loss must still see such objects."""


@dataclass(frozen=True, eq=False)
class LMResult(TensorBatch):
    """Where the solver ended.

    Attributes:
        pose: (B, P), always finite; metres and radians.
        cost: (B,) at that pose.
        covariance: (B, dof, dof), inverse of the normal matrix plus the ridge at that pose; the
            identity where the object is not valid.
        valid: (B,) bool: the object's numbers are finite and its points determine the pose.
        num_accepted: (B,) int: steps that were accepted.
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
    """

    num_iter: int = 10
    centre: bool = True
    initial_radius: float = 30.0
    min_relative_decrease: float = 1e-3

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
        if not self.centre:
            return _finite_result(self._minimise(problem, pose, usable))
        centred, mean = problem.centred()
        result = self._minimise(centred, _move_origin(pose, mean), usable)
        return _finite_result(_move_result(result, -mean))

    def _minimise(self, problem: PnPProblem, pose: Tensor, usable: Tensor) -> LMResult:
        model = problem.normal_equations(pose)
        radius = torch.full_like(model.cost, self.initial_radius)
        shrink = torch.full_like(radius, 2.0)
        num_accepted = torch.zeros_like(radius, dtype=torch.long)
        for _ in range(self.num_iter):
            diagonal = model.hessian.diagonal(dim1=-2, dim2=-1)
            step = _solve(model, diagonal.clamp(1e-6, 1e32) / radius[:, None] + RIDGE)
            trial = pose_type_of(pose).retract(pose, step)
            trial_model = problem.normal_equations(trial)
            predicted = -(step * (model.gradient + 0.5 * _times(model.hessian, step))).sum(-1)
            ratio = (model.cost - trial_model.cost) / predicted
            # A comparison with NaN is False: a step that is not finite is never accepted.
            accept = (ratio >= self.min_relative_decrease) & (predicted > 0)

            pose = _select(accept, trial, pose)
            model = NormalEquations(*map(_select, [accept] * 3, trial_model, model))
            grown = radius / (1 - (2 * ratio - 1) ** 3).clamp(min=1 / 3)
            radius = torch.where(accept, grown, radius / shrink).clamp(1e-5, 1e16)
            shrink = torch.where(accept, torch.full_like(shrink, 2.0), 2 * shrink)
            num_accepted = num_accepted + accept

        covariance = torch.linalg.inv_ex(_with_diagonal(model.hessian, RIDGE)).inverse
        valid = usable & _determines_pose(model.hessian)
        return LMResult(pose, model.cost, covariance, valid, num_accepted)


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
    """
    pose, finite = finite_poses(pose.detach())
    with torch.no_grad():
        safe = problem.masked(problem.usable() & finite)
        model = safe.normal_equations(pose)
        feasible = model.cost.isfinite() & _solve(model, RIDGE).isfinite().all(-1)
    model = problem.masked(problem.usable() & finite & feasible).normal_equations(pose)
    return pose_type_of(pose).retract(pose, _solve(model, RIDGE))


def _solve(model: NormalEquations, damping: Tensor | float) -> Tensor:
    """The step (B, dof) to the minimum of a damped model; not finite where there is none."""
    damped = _with_diagonal(model.hessian, damping)
    return -torch.linalg.solve_ex(damped, model.gradient[..., None]).result[..., 0]


def _with_diagonal(matrix: Tensor, added: Tensor | float) -> Tensor:
    added = torch.as_tensor(added, dtype=matrix.dtype, device=matrix.device)
    return matrix + torch.diag_embed(added.expand(matrix.shape[:-1]))


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None])[..., 0]


def _select(condition: Tensor, chosen: Tensor, other: Tensor) -> Tensor:
    return torch.where(condition.reshape(-1, *[1] * (chosen.ndim - 1)), chosen, other)


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


def _move_origin(pose: Tensor, offset: Tensor) -> Tensor:
    """The pose after the object's origin moved by ``offset`` (B, 3) in the object's frame."""
    moved = pose[..., :3] + pose_type_of(pose).rotate(pose, offset[:, None])[..., 0, :]
    return torch.cat((moved, pose[..., 3:]), dim=-1)


def _move_result(result: LMResult, offset: Tensor) -> LMResult:
    """Pose and covariance after the origin moved: the translation takes part in the rotation."""
    rotated = pose_type_of(result.pose).rotate(result.pose, offset[:, None])
    transport = torch.eye(
        result.covariance.shape[-1], dtype=offset.dtype, device=offset.device
    ).repeat(len(offset), 1, 1)
    tangents = pose_type_of(result.pose).rotation_tangents(rotated)
    transport[:, :3, 3:] = torch.cat(tangents, dim=1).mT
    return LMResult(
        _move_origin(result.pose, offset),
        result.cost,
        transport @ result.covariance @ transport.mT,
        result.valid,
        result.num_accepted,
    )


def _finite_result(result: LMResult) -> LMResult:
    """Give up objects whose numbers overflowed."""
    pose, finite = finite_poses(result.pose)
    finite = finite & result.cost.isfinite() & result.covariance.isfinite().flatten(1).all(-1)
    valid = result.valid & finite
    identity = torch.eye(result.covariance.shape[-1], dtype=pose.dtype, device=pose.device)
    covariance = torch.where(valid[:, None, None], result.covariance, identity)
    return LMResult(pose, result.cost, covariance, valid, result.num_accepted)
