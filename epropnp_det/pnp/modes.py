"""Local optima of a posterior, as far as they are distinct."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .local_frame import LocalFrame
from .pose import pose_type_of
from .proposals import log_det, scale_factor
from .tensor_batch import TensorBatch

SAME = 4.0
"""Squared distance, in units of the better one's covariance, below which two ends are one mode: two
equal normals have one maximum up to two deviations."""

TIE = 1.0001
"""Factor between costs that are as good as equal."""

LEAST_MASS = 1e-3
"""Share of a mode that counts. Laplace's estimate is off by a factor where a mode is no normal."""


@dataclass(frozen=True, eq=False)
class Modes(TensorBatch):
    """Up to M modes of each of B objects, best first.

    Attributes:
        pose: (B, M, P), always finite; metres, and radians or unit quaternions.
        covariance: (B, M, dof, dof) there, as of ``LMResult``.
        mass: (B, M), shares of the posterior by Laplace's approximation, whose sum is one; zero
            where there is no further mode, and pose and covariance are those of the best one.

    Example:
        >>> RandomSampleSolver(dof=4)(problem).modes.mass  # that of the example of PnPProblem
        tensor([[1., 0., 0., 0.]])
    """

    pose: Tensor
    covariance: Tensor
    mass: Tensor

    @property
    def device(self) -> torch.device:
        """Where the numbers are."""
        return self.pose.device

    @property
    def found(self) -> Tensor:
        """(B, M) bool: which are modes."""
        return self.mass > 0

    @classmethod
    def single(cls, pose: Tensor, covariance: Tensor) -> Modes:
        """One mode (B, P) an object."""
        return cls(pose[:, None], covariance[:, None], torch.ones_like(pose[:, :1]))

    def kept(self, keep: Tensor) -> Modes:
        """With the best one, and no mass, in the place of those that are not to be kept (B, M)."""
        mass = torch.where(keep, self.mass, 0.0)
        # The best one stays in any case.
        mass = torch.cat((self.mass[:, :1], mass[:, 1:]), dim=1)
        keep = mass > 0
        pose = torch.where(keep[..., None], self.pose, self.pose[:, :1])
        covariance = torch.where(keep[..., None, None], self.covariance, self.covariance[:, :1])
        return Modes(pose, covariance, mass / mass.sum(1, keepdim=True))

    def leave(self, frame: LocalFrame) -> Modes:
        """Of objects as the solver has them, as the user wants them."""
        count = self.pose.shape[1]
        each = LocalFrame(*(part.repeat_interleave(count, 0) for part in frame))
        pose = each.leave(self.pose.flatten(0, 1))
        covariance = each.leave_covariance(pose, self.covariance.flatten(0, 1))
        shape = self.pose.shape[:2]
        return Modes(pose.unflatten(0, shape), covariance.unflatten(0, shape), self.mass)


def rank_ends(pose: Tensor, cost: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor]:
    """Which ends of a search are distinct, the best first.

    Args:
        pose: (B, F, P).
        cost: (B, F).
        hessian: (B, F, dof, dof).

    Returns:
        Indices (B, F), and whether each is a mode that is none of those before it, (B, F) bool.
        The first one is one in any case.
    """
    kind, count = pose_type_of(pose), cost.shape[1]
    left = torch.where(cost == cost, cost, torch.inf)
    order, distinct = [], []
    for _ in range(count):
        least = left.amin(1, keepdim=True)
        # Where several come to the same optimum rounding must not choose: q or -q, for example.
        first = (left <= TIE * least).byte().argmax(1)
        order.append(first)
        distinct.append(least[:, 0] < torch.inf)
        mode, matrix = taken(pose, first), taken(hessian, first)
        d = kind.chart_inverse(mode, pose[..., 3:].transpose(0, 1)).transpose(0, 1)
        step = torch.cat((pose[..., :3] - mode[:, None, :3], d), dim=-1)
        squared = ((step @ matrix) * step).sum(-1)
        itself = torch.arange(count, device=cost.device) == first[:, None]
        left = torch.where((squared < SAME) | itself, torch.inf, left)
    distinct[0] = torch.ones_like(distinct[0])
    return torch.stack(order, dim=1), torch.stack(distinct, dim=1)


def taken(values: Tensor, index: Tensor) -> Tensor:
    """One of F values (B, F, ...) each: (B, ...)."""
    return values[torch.arange(values.shape[0], device=values.device), index]


def laplace_mass(cost: Tensor, covariance: Tensor, found: Tensor) -> Tensor:
    """Shares (B, M) of modes with costs (B, M) and covariances (B, M, dof, dof)."""
    factor = scale_factor(covariance.flatten(0, 1))
    log_volume = log_det(factor).unflatten(0, cost.shape)
    log_mass = torch.where(found, log_volume - cost, -torch.inf)
    # The first is always one.
    best = torch.where(found[:, :1], log_mass[:, :1], 0.0)
    share = torch.cat((best, log_mass[:, 1:]), dim=1).softmax(1)
    share = torch.where(share < LEAST_MASS, 0.0, share)
    share = torch.cat((share[:, :1].clamp(min=LEAST_MASS), share[:, 1:]), dim=1)
    return share / share.sum(1, keepdim=True)
