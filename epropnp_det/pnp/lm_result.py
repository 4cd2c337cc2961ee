"""What the solver returns: pose, covariance and whether they mean anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .local_frame import LocalFrame
from .modes import Modes, laplace_mass, rank_ends
from .pose import finite_poses
from .tensor_batch import TensorBatch, all_finite, diagonal
from .trust_region import RIDGE, State

MIN_INFORMATION = 1e-8
"""A parameter with less (for a car a deviation above 10 km) is not determined by the points. Far
less than the ridge: early in training weights are small, and the loss must still see such objects.
"""


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
        modes: this and the other optima that were found.

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
    modes: Modes


class TwoResults(NamedTuple):
    """The same poses with the objects' origins at two places, and in two units of length.

    Attributes:
        centred: at the means of their points, and in the solver's unit.
        original: as the user has them.
    """

    centred: LMResult
    original: LMResult


def best_result(state: State, copies: int, usable: Tensor, frame: LocalFrame) -> TwoResults:
    """The end with the least cost of each object, the other modes, and whether they mean anything.

    Objects whose numbers overflowed are given up.

    Args:
        state: of as many copies of the objects one after the other, each with its padding.
        copies: how many.
        usable: (B,) bool: the objects that are meant.
        frame: where the solver has the origins, and its units of length.
    """
    batch, lanes = usable.shape[0], state.radius.numel() // copies
    objects = torch.arange(batch, device=usable.device)
    ends = torch.arange(copies, device=usable.device) * lanes + objects[:, None]
    state = state.objects(ends.flatten())
    pose, finite = finite_poses(state.pose)
    hessian = state.model.matrix()
    order, distinct = rank_ends(
        *(part.unflatten(0, (batch, copies)) for part in (pose, state.model.cost, hessian))
    )
    order = (copies * objects[:, None] + order).flatten()
    pose, cost, hessian = pose[order], state.model.cost[order], hessian[order]
    ridge = RIDGE * torch.eye(hessian.shape[-1], dtype=hessian.dtype, device=hessian.device)
    covariance = torch.linalg.inv_ex(hessian + ridge).inverse
    sound = finite[order] & cost.isfinite() & all_finite(covariance.flatten(1))
    sound = sound & _determines_pose(hessian)
    pose, cost, covariance, sound = (
        part.unflatten(0, (batch, copies)) for part in (pose, cost, covariance, sound)
    )
    found = sound & distinct & usable[:, None]
    valid = found[:, 0]
    identity = torch.eye(hessian.shape[-1], dtype=pose.dtype, device=pose.device)
    best = torch.where(valid[:, None, None], covariance[:, 0], identity)
    covariance = torch.cat((best[:, None], covariance[:, 1:]), dim=1)
    mass = laplace_mass(cost, covariance, found)
    modes = Modes(pose, covariance, mass).kept(mass > 0)
    accepted = state.num_accepted[order].unflatten(0, (batch, copies))[:, 0].clamp(min=0)
    result = LMResult(pose[:, 0], cost[:, 0], best, valid, accepted, modes)
    return TwoResults(result, _left(result, frame.kept(usable)))


def _determines_pose(hessian: Tensor) -> Tensor:
    """(B,) bool: whether every direction in the tangent space carries information.

    The squared pivots of the correlation matrix are the shares of a parameter's information that
    the parameters before it do not explain; rounding alone leaves about one epsilon.
    """
    information = diagonal(hessian)
    root = information.clamp(min=MIN_INFORMATION).rsqrt()
    factor, failed = torch.linalg.cholesky_ex(hessian * root[..., None] * root[..., None, :])
    smallest = diagonal(factor).square().amin(-1)
    informed = (information > MIN_INFORMATION).all(-1)
    return informed & (failed == 0) & (smallest > 16 * torch.finfo(hessian.dtype).eps)


def _left(result: LMResult, frame: LocalFrame) -> LMResult:
    """Poses and covariances as the user wants them; what overflows is given up."""
    modes = result.modes.leave(frame)
    (pose, finite), covariance = finite_poses(modes.pose), modes.covariance
    finite = finite & all_finite(covariance.flatten(2))
    valid = result.valid & finite[:, 0]
    identity = torch.eye(covariance.shape[-1], dtype=pose.dtype, device=pose.device)
    best = torch.where(valid[:, None, None], covariance[:, 0], identity)
    covariance = torch.cat((best[:, None], covariance[:, 1:]), dim=1)
    modes = Modes(pose, covariance, modes.mass).kept(finite & modes.found)
    return LMResult(pose[:, 0], result.cost, best, valid, result.num_accepted, modes)
