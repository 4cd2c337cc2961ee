"""What the pose head makes of the maps of some crops."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class PosePredictions(NamedTuple):
    """Poses of B crops, and what led to them.

    Attributes:
        pose: (B, 7) metres and unit quaternions, always finite.
        covariance: (B, 6, 6) as that of :class:`~epropnp_det.pnp.Posterior`.
        cost: (B,) of the pose, without unit.
        valid: (B,) bool, whether the crop determines a pose.
        weights: (B, 2, s, s) of the cells, of u and v, in 1 / pixel.
        samples: (B, K, 7) of the posterior; None where they were not asked for.
        log_weights: (B, K) of the samples, whose exponentials add up to 1; None likewise.
    """

    pose: Tensor
    covariance: Tensor
    cost: Tensor
    valid: Tensor
    weights: Tensor
    samples: Tensor | None = None
    log_weights: Tensor | None = None
