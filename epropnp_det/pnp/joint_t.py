"""The default sampler: a multivariate t around each mode, from quasi-random points."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .mixture import FirstMixture, MixtureProposal
from .modes import Modes
from .monte_carlo import Cost, Rounds, Samples, importance_sampling, log_count, next_round
from .sobol import scrambled_sobol
from .t_proposals import DF, DefensiveProposal, Frame, TProposal

DEFENSIVE_SHARE = 1 / 10
"""Share of the samples that look for what modes and covariances do not tell."""


def first_round(
    modes: Modes,
    standard: Tensor,
    defensive: Tensor | None = None,
    rotations: Tensor | None = None,
) -> Rounds:
    """The round that knows nothing but the modes and their covariances.

    Args:
        modes: of B objects.
        standard: draws (B, dof, K) of a standard t.
        defensive: others (B, dof, 2 L) for the defensive samples; None for no such samples.
        rotations: numbers (B, dof - 3, L), uniform in [0, 1), for half of them.
    """
    frames = Frame.at(modes.pose.flatten(0, 1), modes.covariance.flatten(0, 1))
    local = MixtureProposal.of(TProposal.first(frames), modes.mass, standard.shape[2])
    if defensive is None:
        return Rounds.first(local, standard)
    shares = [log_count(part) for part in (standard, defensive)]
    total = torch.logaddexp(*shares)
    best = Frame.at(modes.pose[:, 0], modes.covariance[:, 0])
    proposal = FirstMixture(local, DefensiveProposal.of(best), shares[0] - total, shares[1] - total)
    return Rounds.first(proposal, (standard, defensive, rotations))


@torch.no_grad()
def joint_t(
    cost: Cost,
    modes: Modes,
    num_samples: int,
    num_rounds: int,
    generator: torch.Generator | None = None,
    first_round: Callable[..., Rounds] = first_round,
    next_round: Callable[..., Rounds] = next_round,
) -> Samples:
    """Draw poses from a multivariate t around each mode, adapted in rounds.

    A tenth of the samples is defensive: half of them have uniform rotation, half lie around the
    best mode with the object turned by pi, where an object that looks alike from both sides has
    another one. They bound the weights, and the rest takes no notice of what they explain.

    Args:
        cost: of the poses of B objects; best with the objects' origins at the means of their
            points, where translation and rotation are nearly independent.
        modes: of the objects.
        num_samples: K, over all rounds.
        num_rounds: rounds of the t, at most K.
        generator: source of random numbers, on the objects' device.
        first_round: what the function of this name, the default, has been compiled to.
        next_round: the same for that of ``monte_carlo``.
    """
    batch, _, dof, _ = modes.covariance.shape
    uniforms = scrambled_sobol(
        num_samples, dof + DF // 2, batch, generator, modes.pose.dtype, modes.device
    )
    # A chi-square of even degrees is twice the logarithm of a product of uniform numbers, negated.
    chi_square = -2 * uniforms[:, dof:].prod(1, keepdim=True).log()
    standard = (2 * uniforms[:, :dof] - 1).erfinv() * (2 * DF / chi_square).sqrt()

    pairs = int(DEFENSIVE_SHARE / 2 * num_samples)
    # One would be a case of its own for a compiler.
    pairs = min(2 if pairs == 1 else pairs, (num_samples - num_rounds) // 2)
    defensive, local = standard.split((2 * pairs, num_samples - 2 * pairs), dim=2)
    first, *others = local.tensor_split(num_rounds, dim=2)
    rotations = uniforms[:, 3:dof, pairs : 2 * pairs]
    noise = (first, defensive, rotations) if pairs else (first,)
    rounds = first_round(modes, *noise)
    return importance_sampling(cost, rounds, others, next_round)
