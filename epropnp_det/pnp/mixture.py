"""A multivariate t around each mode of the posterior, and how samples are shared out among them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .monte_carlo import Draws
from .t_proposals import DefensiveProposal, TProposal

LEAST_SHARE = 0.02
"""Of the samples, by that of the greatest mode: one that was thought small is seen again."""


class MixtureProposal(NamedTuple):
    """M proposals for each of B objects, each with its share of the samples.

    A sample's coordinates are those of all frames one after the other, (B, M, dof + 1, K), with
    the log of the posterior's measure by that of the frame as the last. Densities are by the
    posterior's measure.

    Attributes:
        parts: of B M objects, all of the first object first.
        log_share: (B, M), log of the part of the samples; -inf where there is no mode.
    """

    parts: TProposal
    log_share: Tensor

    @classmethod
    def of(cls, parts: TProposal, mass: Tensor, count: int) -> MixtureProposal:
        """As many samples as go to modes of some mass.

        They go by the root of the mass: of a mode with a twentieth of it the mass is to be known
        as well as that of the rest.

        Args:
            parts: the proposals.
            mass: (B, M), not negative, zero where there is no mode.
            count: how many samples will be drawn.
        """
        share = mass.sqrt()
        share = torch.where(mass > 0, share.maximum(LEAST_SHARE * share.amax(1, True)), share)
        edges = (share.cumsum(1) * (count / share.sum(1, keepdim=True))).round()
        return cls(parts, (edges.diff(dim=1, prepend=torch.zeros_like(edges[:, :1])) / count).log())

    def sample(self, noise: Tensor) -> Draws:
        """From draws (B, dof, K) of a standard t."""
        batch, modes = self.log_share.shape
        each = noise[:, None].expand(-1, modes, -1, -1).flatten(0, 1)
        poses = self.parts.sample(each).pose.unflatten(0, (batch, modes))
        # Those of a part are neighbours in the sequence.
        number = torch.arange(noise.shape[2], device=noise.device) + 0.5
        edges = self.log_share.exp().cumsum(1)[:, :-1, None] * noise.shape[2]
        part = (number > edges).sum(1)
        index = part[:, None, None].expand(-1, 1, poses.shape[2], -1)
        return self.seen(poses.gather(1, index)[:, 0])

    def seen(self, pose: Tensor) -> Draws:
        """Poses (B, P, K) with their coordinates."""
        batch, modes = self.log_share.shape
        each = pose[:, None].expand(-1, modes, -1, -1).flatten(0, 1)
        draws = self.parts.frame.seen(each)
        numbers = torch.cat((draws.coordinates, draws.log_measure[:, None]), dim=1)
        return Draws(pose, numbers.unflatten(0, (batch, modes)), torch.zeros_like(pose[:, 0]))

    def log_prob(self, draws: Draws) -> Tensor:
        return (self._of_parts(draws) + self.log_share[..., None]).logsumexp(1)

    def adapted(
        self, draws: Draws, log_target: Tensor, log_prob: Tensor, log_density: Tensor, noise: Tensor
    ) -> MixtureProposal:
        """Each part learns from what is its own share of every sample, and so does its mass."""
        of_parts = self._of_parts(draws)
        log_weight = log_target - log_density
        own = of_parts + self.log_share[..., None] - log_prob[:, None]
        mass = (log_weight[:, None] + own).logsumexp(2).softmax(1)

        def each(values: Tensor) -> Tensor:
            return values[:, None].expand_as(of_parts).flatten(0, 1)

        parts = self.parts.adapted(
            _of_frames(draws), each(log_target), of_parts.flatten(0, 1), each(log_density)
        )
        return MixtureProposal.of(parts, mass, noise.shape[2])

    def _of_parts(self, draws: Draws) -> Tensor:
        """Log density of every part, (B, M, K)."""
        of_frames = _of_frames(draws)
        log_prob = self.parts.log_prob(of_frames) - of_frames.log_measure
        return log_prob.unflatten(0, self.log_share.shape)


class FirstMixture(NamedTuple):
    """What the first round draws from: the modes, and the defensive samples.

    Attributes:
        local: the modes, which alone learn from the samples.
        defensive: the rest, around the best mode.
        log_local: (), log of the share of the samples that are the modes'.
        log_defensive: (), and of those that are not.
    """

    local: MixtureProposal
    defensive: DefensiveProposal
    log_local: Tensor
    log_defensive: Tensor

    def sample(self, noise: tuple[Tensor, Tensor, Tensor]) -> Draws:
        """From what the modes draw from, and the two tensors for the rest."""
        standard, *others = noise
        rest = self.defensive.sample(*others)
        return self.local.sample(standard).and_then(self.local.seen(rest.pose))

    def log_prob(self, draws: Draws) -> Tensor:
        coordinates = draws.coordinates[:, 0]
        of_best = Draws(draws.pose, coordinates[:, :-1], coordinates[:, -1])
        rest = self.defensive.log_prob(of_best) - of_best.log_measure
        local = self.local.log_prob(draws) + self.log_local
        return torch.logaddexp(local, rest + self.log_defensive)

    def adapted(
        self, draws: Draws, log_target: Tensor, log_prob: Tensor, log_density: Tensor, noise: Tensor
    ) -> MixtureProposal:
        local = self.local.log_prob(draws)
        return self.local.adapted(draws, log_target, local, log_density, noise)


def _of_frames(draws: Draws) -> Draws:
    """As B M objects, each with the coordinates of its own frame; without poses."""
    numbers = draws.coordinates.flatten(0, 1)
    return Draws(numbers[:, :0], numbers[:, :-1], numbers[:, -1])
