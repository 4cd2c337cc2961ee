"""The Monte Carlo pose loss."""

from __future__ import annotations

import torch
from torch import Tensor

from .monte_carlo import Posterior


def monte_carlo_pose_loss(posterior: Posterior) -> Tensor:
    """Kullback-Leibler divergence of the posterior from a target at the ground truth.

    cost(y_gt) + log-evidence, up to a constant (EPro-PnP, 'Monte Carlo Pose Loss'). Objects that
    are not valid have zero loss and zero gradient.

    Args:
        posterior: of B objects, made with ``pose_gt``.

    Returns:
        (B,), differentiable in the problem's x3d, x2d and w2d; can be negative.

    Raises:
        ValueError: if the posterior has no ``cost_gt``.

    Example:
        >>> posterior = EProPnP(dof=4)(problem, pose)  # those of the example of PnPProblem
        >>> loss = monte_carlo_pose_loss(posterior)
        >>> torch.allclose(loss, posterior.log_evidence, atol=1e-3)  # the true pose costs nothing
        True
    """
    if posterior.cost_gt is None:
        raise ValueError("The posterior has no cost_gt: call the layer with pose_gt.")
    loss = posterior.cost_gt + posterior.log_evidence
    return torch.where(posterior.valid, loss, torch.zeros_like(loss))
