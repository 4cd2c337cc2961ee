"""Monte Carlo pose posterior by adaptive multiple importance sampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from .modes import Modes
from .tensor_batch import TensorBatch

Cost = Callable[[Tensor], Tensor]
"""From poses (K, B, P) to their costs (K, B)."""


@dataclass(frozen=True, eq=False)
class Posterior(TensorBatch):
    """Posterior density of the pose, proportional to exp(-cost), as weighted samples.

    The measure is metres cubed times radian (4 DoF), or metres cubed times the surface measure of
    all unit quaternions, q and -q counting both (6 DoF).

    Attributes:
        mode: (B, P), the solver's optimum, always finite.
        covariance: (B, dof, dof) at the mode; metres, and radians (4 DoF) or steps d of the
            quaternion, which turn by 2 d radians (6 DoF).
        samples: (K, B, P), without gradient.
        log_weights: (K, B), -cost - log proposal, not normalised; differentiable through the cost.
        cost_gt: (B,), cost of the given ground truth, differentiable; None without one.
        valid: (B,) bool. Of other objects only the finiteness of the numbers can be relied on.
        modes: the optima that the search found, of which ``mode`` is the best; None where it was
            not the layer that searched.

    Example:
        >>> mode, true = torch.tensor([[0.0, 0, 10, 0]]), torch.tensor([True])
        >>> log_weights = torch.tensor([[1.0], [3.0]]).log()
        >>> samples = mode.repeat(2, 1, 1)
        >>> posterior = Posterior(mode, torch.eye(4)[None], samples, log_weights, None, true)
        >>> posterior.log_evidence  # log((1 + 3) / 2)
        tensor([0.6931])
        >>> posterior.effective_sample_size  # (1 + 3)^2 / (1^2 + 3^2)
        tensor([1.6000])
    """

    mode: Tensor
    covariance: Tensor
    samples: Tensor = field(metadata={"batch_dim": 1})
    log_weights: Tensor = field(metadata={"batch_dim": 1})
    cost_gt: Tensor | None
    valid: Tensor
    modes: Modes | None = None

    @property
    def log_evidence(self) -> Tensor:
        """(B,): log of the integral of exp(-cost)."""
        return self.log_weights.logsumexp(0) - math.log(len(self.log_weights))

    @property
    def effective_sample_size(self) -> Tensor:
        """(B,): (sum of weights)^2 / sum of squared weights, between 1 and K."""
        return (2 * self.log_weights.logsumexp(0) - (2 * self.log_weights).logsumexp(0)).exp()


class Draws(NamedTuple):
    """Samples of B objects, K each.

    Attributes:
        pose: (B, P, K).
        coordinates: (B, C, K), of the proposals' own choice.
        log_measure: (B, K), log of the posterior's measure by that of the coordinates.
    """

    pose: Tensor
    coordinates: Tensor
    log_measure: Tensor

    def and_then(self, others: Draws) -> Draws:
        """These samples, followed by others of the same objects."""
        return Draws(*[torch.cat(pair, dim=-1) for pair in zip(self, others, strict=True)])


class Samples(NamedTuple):
    """Weighted samples of the posterior.

    Attributes:
        pose: (K, B, P).
        cost: (K, B).
        log_density: (K, B) of the mixture of all proposals, in proportion to their samples.
    """

    pose: Tensor
    cost: Tensor
    log_density: Tensor


class Proposal(Protocol):
    """A distribution of poses that learns from weighted samples.

    Its densities are those of its coordinates.
    """

    def sample(self, noise: Any) -> Draws:
        """Draw poses of every object, from random numbers or the number that is wanted."""

    def log_prob(self, draws: Draws) -> Tensor:
        """Log density (B, K)."""

    def adapted(
        self, draws: Draws, log_target: Tensor, log_prob: Tensor, log_density: Tensor, noise: Any
    ) -> Proposal:
        """The proposal of the next round.

        Args:
            draws: all samples so far.
            log_target: (B, K), their log density under the posterior, up to a constant.
            log_prob: (B, K), under this proposal.
            log_density: (B, K), and under the mixture of all rounds so far, up to a constant.
            noise: what the next proposal will draw from.
        """


class Rounds(NamedTuple):
    """What has been drawn so far, by proposals each of which has learned from those before it.

    Attributes:
        proposals: one a round.
        log_counts: () each, log of the number of samples of a round.
        draws: of all rounds.
        log_prob: (B, K), under the last proposal.
        log_density: (B, K), log of the sum of all proposals' densities, each times its samples.
        latest: (B, P, k), poses of the last round on their own.
    """

    proposals: tuple[Proposal, ...]
    log_counts: tuple[Tensor, ...]
    draws: Draws
    log_prob: Tensor
    log_density: Tensor
    latest: Tensor

    @classmethod
    def first(cls, proposal: Proposal, noise: Any) -> Rounds:
        """One round."""
        draws = proposal.sample(noise)
        log_prob, count = proposal.log_prob(draws), log_count(draws.pose)
        log_density = log_prob + count
        return cls((proposal,), (count,), draws, log_prob, log_density, draws.pose.clone())


def next_round(rounds: Rounds, cost: Tensor, noise: Any) -> Rounds:
    """Learn from the samples so far, and draw others.

    Args:
        rounds: so far.
        cost: (B, K) of all their samples.
        noise: what to draw the others from.
    """
    proposals, log_counts, draws, log_prob, log_density, _ = rounds
    log_target = -cost - draws.log_measure
    proposal = proposals[-1].adapted(draws, log_target, log_prob, log_density, noise)
    new = proposal.sample(noise)
    pairs = zip(proposals, log_counts, strict=True)
    of_new = torch.stack([earlier.log_prob(new) + count for earlier, count in pairs])
    log_density = torch.cat((log_density, of_new.logsumexp(0)), dim=1)
    draws, count = draws.and_then(new), log_count(new.pose)
    log_prob = proposal.log_prob(draws)
    return Rounds(
        (*proposals, proposal),
        (*log_counts, count),
        draws,
        log_prob,
        torch.logaddexp(log_density, log_prob + count),
        new.pose,
    )


def log_count(samples: Tensor) -> Tensor:
    """Log of the number of samples (B, ., K), as a tensor: compilers take others for constants."""
    return samples.new_full((), samples.shape[2]).log()


def importance_sampling(
    cost: Cost,
    rounds: Rounds,
    noise: Sequence[Any],
    next_round: Callable[[Rounds, Tensor, Any], Rounds] = next_round,
) -> Samples:
    """Draw poses in rounds, each from what the earlier ones have taught.

    Every sample is weighted by the mixture of all rounds' proposals, whichever it came from: the
    'deterministic mixture' of adaptive multiple importance sampling (EPro-PnP, algorithm 1;
    Cornuet et al., 2012). What one proposal covers well then never has a large weight.

    Args:
        cost: of the objects' poses; it is given poses whose samples lie together in memory.
        rounds: the first one.
        noise: for each of the others, what its proposal draws from.
        next_round: the function of this name, or what it has been compiled to.
    """
    costs = cost(rounds.latest.permute(2, 0, 1)).mT
    for numbers in noise:
        rounds = next_round(rounds, costs, numbers)
        costs = torch.cat((costs, cost(rounds.latest.permute(2, 0, 1)).mT), dim=1)
    pose, _, log_measure = rounds.draws
    log_density = rounds.log_density - log_measure - math.log(pose.shape[2])
    return Samples(pose.permute(2, 0, 1), costs.mT, log_density.mT)
