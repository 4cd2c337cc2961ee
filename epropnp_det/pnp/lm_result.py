"""What the solver returns: pose, covariance and whether they mean anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .local_frame import LocalFrame
from .pose import finite_poses
from .tensor_batch import TensorBatch, all_finite, diagonal
from .trust_region import RIDGE, State

MIN_INFORMATION = 1e-8
"""A parameter with less (for a car a deviation above 10 km) is not determined by the points. Far
less than the ridge: early in training weights are small, and the loss must still see such objects.
"""

TIE = 1.0001
"""Factor between costs that are as good as equal."""


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


class TwoResults(NamedTuple):
    """The same poses with the objects' origins at two places, and in two units of length.

    Attributes:
        centred: at the means of their points, and in the solver's unit.
        original: as the user has them.
    """

    centred: LMResult
    original: LMResult


def best_result(state: State, copies: int, usable: Tensor, frame: LocalFrame) -> TwoResults:
    """The end with the least cost of each object, its covariance and whether it means anything.

    Objects whose numbers overflowed are given up.

    Args:
        state: of as many copies of the objects one after the other, each with its padding.
        copies: how many.
        usable: (B,) bool: the objects that are meant.
        frame: where the solver has the origins, and its units of length.
    """
    cost = state.model.cost.reshape(copies, -1)
    # Where several come to the same optimum rounding must not choose: q or -q, for example.
    first = (cost <= TIE * cost.amin(0)).byte().argmax(0)
    objects = torch.arange(len(usable), device=cost.device)
    state = state.objects(first[: len(usable)] * cost.shape[1] + objects)
    hessian = state.model.matrix()
    ridge = RIDGE * torch.eye(hessian.shape[-1], dtype=hessian.dtype, device=hessian.device)
    covariance = torch.linalg.inv_ex(hessian + ridge).inverse
    result = _finite_result(
        LMResult(
            state.pose,
            state.model.cost,
            covariance,
            usable & _determines_pose(hessian),
            state.num_accepted.clamp(min=0),
        )
    )
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
    """Pose and covariance as the user wants them."""
    pose = frame.leave(result.pose)
    covariance = frame.leave_covariance(pose, result.covariance)
    return _finite_result(
        LMResult(pose, result.cost, covariance, result.valid, result.num_accepted)
    )


def _finite_result(result: LMResult) -> LMResult:
    """Give up objects whose numbers overflowed."""
    pose, finite = finite_poses(result.pose)
    finite = finite & result.cost.isfinite() & all_finite(result.covariance.flatten(1))
    valid = result.valid & finite
    identity = torch.eye(result.covariance.shape[-1], dtype=pose.dtype, device=pose.device)
    covariance = torch.where(valid[:, None, None], result.covariance, identity)
    return LMResult(pose, result.cost, covariance, valid, result.num_accepted)
