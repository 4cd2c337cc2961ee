"""The published sampler: translation and rotation drawn independently."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .modes import Modes
from .monte_carlo import Cost, Draws, Rounds, Samples, importance_sampling
from .proposals import AngularCentralGaussian, MultivariateT, VonMisesUniform


@torch.no_grad()
def amis(
    cost: Cost,
    modes: Modes,
    num_samples: int,
    num_rounds: int,
    generator: torch.Generator | None = None,
) -> Samples:
    """Draw poses as published (EPro-PnP, arXiv 2203.13254, algorithm 1).

    Args:
        cost: of the poses of B objects.
        modes: of the objects; only the best one counts.
        num_samples: K, over all rounds.
        num_rounds: rounds; K must be a multiple.
        generator: source of random numbers, on the objects' device.
    """
    mode, covariance = modes.pose[:, 0], modes.covariance[:, 0]
    rotation = VonMisesUniform if mode.shape[-1] == 4 else AngularCentralGaussian
    proposal = IndependentProposal(
        MultivariateT.from_mode(mode[:, :3], covariance[:, :3, :3]),
        rotation.from_mode(mode[:, 3:], covariance[:, 3:, 3:]),
        generator,
    )
    each = num_samples // num_rounds
    return importance_sampling(cost, Rounds.first(proposal, each), [each] * (num_rounds - 1))


@dataclass(frozen=True)
class IndependentProposal:
    """Poses of independent translation and rotation.

    Attributes:
        translation: multivariate t of 3 degrees of freedom, metres.
        rotation: of the yaw in radians (4 DoF) or of the unit quaternion (6 DoF).
        generator: source of random numbers.
    """

    translation: MultivariateT
    rotation: VonMisesUniform | AngularCentralGaussian
    generator: torch.Generator | None = None

    def sample(self, noise: int) -> Draws:
        parts = [p.sample(noise, self.generator) for p in (self.translation, self.rotation)]
        pose = torch.cat(parts, dim=-1).permute(1, 2, 0)
        return Draws(pose, pose[:, :0], pose.new_zeros(len(pose), noise))

    def log_prob(self, draws: Draws) -> Tensor:
        pose = draws.pose.permute(2, 0, 1)
        translation, rotation = pose[..., :3], pose[..., 3:]
        return (self.translation.log_prob(translation) + self.rotation.log_prob(rotation)).mT

    def adapted(
        self, draws: Draws, log_target: Tensor, log_prob: Tensor, log_density: Tensor, noise: int
    ) -> IndependentProposal:
        pose, weights = draws.pose.permute(2, 0, 1), (log_target - log_density).softmax(1).mT
        return IndependentProposal(
            self.translation.adapted(pose[..., :3], weights),
            self.rotation.adapted(pose[..., 3:], weights),
            self.generator,
        )
