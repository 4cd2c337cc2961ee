"""How honest the pose posterior is: how often the truth lies in the regions that it names.

The posterior density is proportional to exp(-cost) (EPro-PnP, arXiv 2203.13254, section 3), so its
highest-density region of a given mass is where the cost is below a bound. The credible level of a
pose is the mass of all poses of lower cost: a region of mass p holds the pose when its level is at
most p. Over many objects the levels of the true poses are uniform between 0 and 1 exactly when a
region of mass p holds a share p of the truths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

from ..pnp import PnPProblem

NOMINAL = (0.5, 0.8, 0.95)
"""The masses of the regions that are reported."""


class PoseLevels(NamedTuple):
    """Credible levels of the true poses of M objects, between 0 and 1; NaN where undefined.

    Attributes:
        pose: (M,) of the whole pose, among regions of highest density.
        depth: (M,) of the depth z alone, among central intervals.
        yaw: (M,) of the yaw alone, among central intervals of the circle that is cut opposite its
            circular mean.
    """

    pose: Tensor
    depth: Tensor
    yaw: Tensor


def pose_levels(
    problem: PnPProblem, samples: Tensor, log_weights: Tensor, pose_gt: Tensor
) -> PoseLevels:
    """Credible levels of true poses under posteriors of 4 degrees of freedom.

    The posterior of :class:`~epropnp_det.pnp.EProPnP` has its objects second: give
    ``posterior.samples.transpose(0, 1)`` and ``posterior.log_weights.mT``. The predictions of
    ``test_cfg.return_posterior`` come as they are needed.

    Args:
        problem: M objects.
        samples: (M, K, 4) poses (x, y, z, yaw), in metres and radians.
        log_weights: (M, K), -cost - log proposal; need not be normalised.
        pose_gt: (M, 4) true poses in the frame of the samples.

    Example:
        >>> posterior = EProPnP()(problem)  # of some PnPProblem
        >>> samples, log_weights = posterior.samples.transpose(0, 1), posterior.log_weights.mT
        >>> levels = pose_levels(problem, samples, log_weights, posterior.mode)
        >>> levels.pose  # nothing costs less than the mode
        tensor([0.])
    """
    cost = problem.cost(samples.transpose(0, 1)).mT
    middle = _circular_mean(samples[..., 3], log_weights)
    return PoseLevels(
        pose=highest_density_levels(cost, log_weights, problem.cost(pose_gt)),
        depth=central_levels(samples[..., 2], log_weights, pose_gt[:, 2]),
        yaw=central_levels(
            _wrapped(samples[..., 3] - middle[:, None]),
            log_weights,
            _wrapped(pose_gt[:, 3] - middle),
        ),
    )


def highest_density_levels(cost: Tensor, log_weights: Tensor, cost_gt: Tensor) -> Tensor:
    """Posterior mass of the poses that cost less than the true one.

    Args:
        cost: (M, K) of the samples, minus their log density up to a constant an object.
        log_weights: (M, K) of the samples.
        cost_gt: (M,) of the true poses.

    Returns:
        (M,) between 0 and 1.

    Example:
        >>> cost, log_weights = torch.tensor([[1.0, 2, 3, 4]]), torch.zeros(1, 4)
        >>> highest_density_levels(cost, log_weights, torch.tensor([2.5]))
        tensor([0.5000])
    """
    level = _mass(cost < cost_gt[:, None], log_weights)
    return torch.where(cost_gt.isnan(), torch.nan, level)


def central_levels(values: Tensor, log_weights: Tensor, truth: Tensor) -> Tensor:
    """Mass of the smallest central interval that reaches the truth; 0 at the median.

    A central interval leaves the same mass out on either side.

    Args:
        values: (M, K) of the samples.
        log_weights: (M, K) of the samples.
        truth: (M,).

    Returns:
        (M,) between 0 and 1.
    """
    below = _mass(values < truth[:, None], log_weights)
    return torch.where(truth.isnan(), torch.nan, (2 * below - 1).abs())


@dataclass(frozen=True)
class Coverage:
    """What share of M true poses lies in the regions of given masses.

    Attributes:
        count: M.
        nominal: (L,) masses of the regions.
        observed: (L,) shares of the truths in them; NaN where M is 0.
        band: (2, L) lower and upper end of the shares that M independent objects of an honest
            posterior stay between, for each mass, 95 times of 100.
    """

    count: int
    nominal: np.ndarray
    observed: np.ndarray
    band: np.ndarray

    @classmethod
    def of(cls, levels: Tensor | np.ndarray, nominal: tuple[float, ...] = NOMINAL) -> Coverage:
        """Count credible levels (M,); a NaN lies in no region.

        Example:
            >>> Coverage.of(np.array([0.1, 0.4, 0.6, 0.9])).observed
            array([0.5 , 0.75, 1.  ])
        """
        levels, masses = np.asarray(levels), np.asarray(nominal, dtype=float)
        inside = levels[:, None] <= masses
        if len(levels) == 0:
            observed, band = np.full(len(masses), np.nan), np.array([0 * masses, 0 * masses + 1])
        else:
            observed = inside.mean(axis=0)
            band = np.array(binom.interval(0.95, len(levels), masses)) / len(levels)
        return cls(len(levels), masses, observed, band)

    def as_dict(self) -> dict:
        """Plain numbers, for JSON; None where there is no share."""
        shares = [None if np.isnan(share) else share for share in self.observed.tolist()]
        return dict(
            count=self.count,
            nominal=self.nominal.tolist(),
            observed=shares,
            band=self.band.tolist(),
        )


def _mass(inside: Tensor, log_weights: Tensor) -> Tensor:
    weights = log_weights.softmax(dim=1)
    # Rounded sums of normalised weights can be a little above one.
    return (weights * inside).sum(1).clamp(max=1)


def _circular_mean(angles: Tensor, log_weights: Tensor) -> Tensor:
    weights = log_weights.softmax(dim=1)
    return torch.atan2((weights * angles.sin()).sum(1), (weights * angles.cos()).sum(1))


def _wrapped(angles: Tensor) -> Tensor:
    """Into [-pi, pi)."""
    return (angles + math.pi).remainder(2 * math.pi) - math.pi
