"""Monte Carlo pose posterior by adaptive multiple importance sampling (AMIS)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .lm_solver import LMResult
from .pose import pose_type_of
from .problem import PnPProblem
from .tensor_batch import TensorBatch


@dataclass(frozen=True, eq=False)
class Posterior(TensorBatch):
    """Posterior density of the pose, proportional to exp(-cost), as weighted samples.

    The measure is metres cubed times radian (4 DoF).

    Attributes:
        mode: (B, P), the solver's optimum, always finite.
        covariance: (B, dof, dof) at the mode.
        samples: (K, B, P), without gradient.
        log_weights: (K, B), -cost - log proposal, not normalised; differentiable through the cost.
        cost_gt: (B,), cost of the given ground truth, differentiable; None without one.
        valid: (B,) bool. Of other objects only the finiteness of the numbers can be relied on.
    """

    mode: Tensor
    covariance: Tensor
    samples: Tensor = field(metadata={"batch_dim": 1})
    log_weights: Tensor = field(metadata={"batch_dim": 1})
    cost_gt: Tensor | None
    valid: Tensor

    @property
    def log_evidence(self) -> Tensor:
        """(B,): log of the integral of exp(-cost)."""
        return self.log_weights.logsumexp(0) - math.log(len(self.log_weights))

    @property
    def effective_sample_size(self) -> Tensor:
        """(B,): (sum of weights)^2 / sum of squared weights, between 1 and K."""
        return (2 * self.log_weights.logsumexp(0) - (2 * self.log_weights).logsumexp(0)).exp()


@torch.no_grad()
def sample_posterior(
    problem: PnPProblem,
    result: LMResult,
    num_samples: int,
    num_rounds: int,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw poses by AMIS (EPro-PnP, algorithm 1).

    Args:
        problem: B objects, all of them usable.
        result: the optimum, from which the first proposal is made.
        num_samples: K, over all rounds.
        num_rounds: number of proposals; K must be a multiple.
        generator: source of random numbers, on the problem's device.

    Returns:
        Samples (K, B, P), their costs (K, B), and the log density (K, B) of the mixture of all
        rounds' proposals, by which the samples are weighted ('deterministic mixture').
    """
    proposal = pose_type_of(result.pose).Proposal.from_mode(result.pose, result.covariance)
    past, samples, costs = [], result.pose.new_empty(0, *result.pose.shape), []
    densities = result.cost.new_empty(0, 0, len(problem))  # (round, sample, object)
    for round_index in range(num_rounds):
        if round_index > 0:
            weights = (-torch.cat(costs) - _mixture(densities)).softmax(0)
            proposal = proposal.adapted(samples, weights)
        past.append(proposal)
        new = proposal.sample(num_samples // num_rounds, generator)
        costs.append(problem.cost(new))
        of_new = torch.stack([earlier.log_prob(new) for earlier in past])
        of_old = torch.cat((densities, proposal.log_prob(samples)[None]))
        densities = torch.cat((of_old, of_new), dim=1)
        samples = torch.cat((samples, new))
    return samples, torch.cat(costs), _mixture(densities)


def _mixture(log_densities: Tensor) -> Tensor:
    return log_densities.logsumexp(0) - math.log(len(log_densities))
