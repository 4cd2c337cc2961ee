"""The pose posterior in the form in which it is attached to predictions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from epropnp_det.pnp import Posterior

YAW_BINS = 72
"""Bins of the orientation density: 5 degrees each, from -pi to pi."""


def yaw_density(posterior: Posterior) -> Tensor:
    """Density of the yaw, a histogram of the weighted samples.

    Args:
        posterior: of M objects, 4 DoF.

    Returns:
        (M, YAW_BINS) in 1 / radians; its mean is 1 / (2 pi).
    """
    weights = posterior.log_weights.softmax(dim=0)
    turns = posterior.samples[..., 3] / (2 * math.pi) + 0.5
    bins = (turns.remainder(1) * YAW_BINS).long().clamp(max=YAW_BINS - 1)
    density = weights.new_zeros(YAW_BINS, weights.shape[1]).scatter_add(0, bins, weights)
    return density.mT * (YAW_BINS / (2 * math.pi))


def posterior_fields(posterior: Posterior) -> dict[str, Tensor]:
    """The fields of ``return_posterior``, see :class:`PosePredictor`."""
    return dict(
        pose_samples=posterior.samples.transpose(0, 1),
        pose_log_weights=torch.log_softmax(posterior.log_weights, dim=0).mT,
        pose_covariance=posterior.covariance,
        yaw_density=yaw_density(posterior),
    )
