"""How good a pose is, as the network learns to say and as the posterior tells."""

from __future__ import annotations

from torch import Tensor

from epropnp_det.pnp import Posterior


def score_target(error: Tensor) -> Tensor:
    """3D score of a translation error seen from above, in metres: 1 below 0.35, 0 above 5.66."""
    return ((2.5 - error.clamp(min=1e-6).log2()) / 4).clamp(0, 1)


def monte_carlo_score(posterior: Posterior) -> Tensor:
    """Expected 3D score of each mode, were the true pose drawn from the posterior.

    Args:
        posterior: of M objects, 4 DoF.

    Returns:
        (M,) :func:`score_target` of the distance from the mode, averaged over the weighted samples.
    """
    error = (posterior.samples - posterior.mode)[..., [0, 2]].norm(dim=-1)
    return (posterior.log_weights.softmax(dim=0) * score_target(error)).sum(dim=0)
