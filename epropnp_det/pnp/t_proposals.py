"""What the default sampler draws from: a multivariate t around a mode, and defensive samples."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .monte_carlo import Draws
from .pose import PoseType, YawPose, pose_type_of, rotation_matrix
from .proposals import log_det, scale_factor

DF = 6
"""Degrees of freedom of the t: even, so that a chi-square is the log of a product of uniforms."""

SCALE_PRIOR = 64
"""Samples by degree of freedom on which the first scale of a proposal rests as it learns."""

WIDENING = 2.0
"""Scale of the translation where the rotation is uniform, by that at the mode."""

MAX_CHART = 1e8
"""Where the chart of a mode ends: rotations by pi are at infinity."""


class Frame(NamedTuple):
    """Coordinates y of poses in which the posterior is about standard normal.

    The pose of z = factor y has the translation of the mode plus z[:3], and the rotation that
    ``chart`` makes of z[3:]. Coordinates are (B, dof, K).

    Attributes:
        mode: (B, P).
        factor: Cholesky factor of the covariance, (B, dof, dof).
        inverse: of the factor, (B, dof, dof).
        log_volume: (B, 1), log of the volume of z by that of y.
    """

    mode: Tensor
    factor: Tensor
    inverse: Tensor
    log_volume: Tensor

    @classmethod
    def at(cls, mode: Tensor, covariance: Tensor) -> Frame:
        """Of a mode (B, P) and its covariance (B, dof, dof), or the identity if it is none."""
        # Rotations have no more room than a circle: to the covariance add the information that d
        # is of the size that it has for a uniform rotation.
        for i in range(3, covariance.shape[-1]):
            column = covariance[:, :, i : i + 1]
            update = column / (column[:, i : i + 1] + 1)
            covariance = torch.addcmul(covariance, column, update.mT, value=-1)
        factor, inverse = _factor_and_inverse(covariance)
        return cls(mode, factor, inverse, log_det(factor)[:, None])

    @property
    def kind(self) -> PoseType:
        """Of the poses."""
        return pose_type_of(self.mode)

    def draws(self, z: Tensor, y: Tensor) -> Draws:
        """Poses of z = factor y, and their coordinates y."""
        rotation, log_measure = self.kind.chart(self.mode, z[:, 3:].permute(2, 0, 1))
        translation = self.mode[:, :3, None] + z[:, :3]
        pose = torch.cat((translation, rotation.permute(1, 2, 0)), dim=1)
        return Draws(pose, y, log_measure.mT + self.log_volume)

    def seen(self, pose: Tensor) -> Draws:
        """Poses (B, P, K) from wherever, with their coordinates here."""
        d = self.kind.chart_inverse(self.mode, pose[:, 3:].permute(2, 0, 1))
        d = d.clamp(-MAX_CHART, MAX_CHART).nan_to_num(MAX_CHART)
        z = torch.cat((pose[:, :3] - self.mode[:, :3, None], d.permute(1, 2, 0)), dim=1)
        log_measure = self.kind.chart_measure(d).mT + self.log_volume
        return Draws(pose, torch.bmm(self.inverse, z), log_measure)


class TProposal(NamedTuple):
    """Multivariate t in the coordinates of a frame.

    Attributes:
        frame: of the mode.
        loc: (B, dof, 1).
        factor: Cholesky factor of the scale matrix, (B, dof, dof).
        inverse: of the factor, (B, dof, dof).
        origin: (B, dof, 1), where y = 0 is, from the location and in units of the scale.
        peak: (B, 1), log density at the location.
    """

    frame: Frame
    loc: Tensor
    factor: Tensor
    inverse: Tensor
    origin: Tensor
    peak: Tensor

    @classmethod
    def of(cls, frame: Frame, loc: Tensor, scale: Tensor) -> TProposal:
        """Of a location (B, dof, 1) and a scale matrix (B, dof, dof)."""
        factor, inverse = _factor_and_inverse(scale)
        peak = _log_peak(factor.shape[1]) - log_det(factor)[:, None]
        return cls(frame, loc, factor, inverse, -torch.bmm(inverse, loc), peak)

    @classmethod
    def first(cls, frame: Frame) -> TProposal:
        """Of location 0 and scale 1."""
        return cls.of(frame, torch.zeros_like(frame.factor[:, :, :1]), _identity_like(frame.factor))

    def sample(self, noise: Tensor) -> Draws:
        """From draws (B, dof, K) of a standard t."""
        y = torch.baddbmm(self.loc, self.factor, noise)
        return self.frame.draws(torch.bmm(self.frame.factor, y), y)

    def log_prob(self, draws: Draws) -> Tensor:
        y = draws.coordinates
        return _t_log_prob(self._squared(y), y.shape[1], self.peak)

    def adapted(
        self, draws: Draws, log_target: Tensor, log_prob: Tensor, log_density: Tensor
    ) -> TProposal:
        """One step of expectation maximisation from here, trusted as far as there are samples.

        A sample counts by its weight, times the share of the density there that is this
        proposal's (Cappe et al., Adaptive importance sampling in general mixture classes, 2008),
        times the precision that a t gives it, which bounds the influence of outliers. The
        moments are blended with the first proposal's as if that rested on as many samples as a
        mean has numbers, and on far more for the covariance: the samples that a proposal has learnt
        from get too small a weight by it, and with many numbers to learn the evidence would fall.
        """
        y, dof = draws.coordinates, draws.coordinates.shape[1]
        weights = (log_target + log_prob).sub(log_density, alpha=2).softmax(1)
        effective = 1 / weights.square().sum(1)[:, None, None]
        of_loc, of_scale = (effective / (effective + n * dof) for n in (1, SCALE_PRIOR))
        pull = (weights * (DF + dof) / (DF + self._squared(y)))[:, None]
        loc = torch.bmm(y, pull.mT) * (of_loc / pull.sum(2, keepdim=True))
        offset = y - loc
        moments = torch.bmm(offset * pull, offset.mT)
        scale = torch.lerp(_identity_like(moments), moments, of_scale)
        return TProposal.of(self.frame, loc, scale)

    def _squared(self, y: Tensor) -> Tensor:
        """Squared distance (B, K) from the location, in units of the scale."""
        return torch.baddbmm(self.origin, self.inverse, y).square().sum(1)


class DefensiveProposal(NamedTuple):
    """Half uniform rotations, half the first t with the object turned by pi.

    What turned poses have for y: the same y[:3], and for y[3:] a quotient and a sum.

    Attributes:
        frame: of the mode.
        turns: half turns of the object, (B, H, r + 1, r + 1) as of ``_half_turns``.
        skew: (B, r, 3), by which y[:3] moves y[3:].
        offset: (B, H (r + 1), 1), of the affine map of y to homogeneous coordinates of the rest.
        linear: (B, H (r + 1), dof), of the same.
        uniform_peak: (B, 1), greatest log density of a uniform rotation, by the volume of y and of
            rotations.
    """

    frame: Frame
    turns: Tensor
    skew: Tensor
    offset: Tensor
    linear: Tensor
    uniform_peak: Tensor

    @classmethod
    def of(cls, frame: Frame) -> DefensiveProposal:
        """Around the mode of a frame."""
        turns, factor, inverse = _half_turns(frame.mode), frame.factor, frame.inverse
        skew = torch.bmm(inverse[:, 3:, :3], factor[:, :3, :3])
        numerators = inverse[:, None, 3:, 3:] @ turns[:, :, 1:]
        maps = torch.cat((turns[:, :, :1], numerators), dim=2).flatten(1, 2)
        linear = torch.bmm(maps[:, :, 1:], factor[:, 3:])
        volume = log_det(factor[:, :3, :3])[:, None] + frame.kind.log_rotations
        peak = _log_peak(3) - 3 * math.log(WIDENING) - math.log(2) - volume
        return cls(frame, turns, skew, maps[:, :, :1], linear, peak)

    def sample(self, standard: Tensor, rotations: Tensor) -> Draws:
        """From a standard t (B, dof, 2 L), and what is uniform in [0, 1), (B, dof - 3, L)."""
        frame, half = self.frame, rotations.shape[2]
        z = torch.bmm(frame.factor, standard)
        d = z[:, None, 3:, :half]
        turned, _ = _divided(self.turns[..., 1:] @ d + self.turns[..., :1])
        ways = torch.arange(half, device=z.device)
        turned = turned[:, ways % turned.shape[1], :, ways].permute(1, 2, 0)
        anywhere = frame.kind.uniform_rotation(rotations.permute(2, 0, 1))
        anywhere = frame.kind.chart_inverse(frame.mode, anywhere).permute(1, 2, 0)
        translation = torch.cat((z[:, :3, :half], WIDENING * z[:, :3, half:]), dim=2)
        d = torch.cat((turned, anywhere), dim=2).clamp(-MAX_CHART, MAX_CHART)
        z = torch.cat((translation, d), dim=1)
        return frame.draws(z, torch.bmm(frame.inverse, z))

    def log_prob(self, draws: Draws) -> Tensor:
        y, y_of_translation = draws.coordinates, draws.coordinates[:, :3]
        squared = y_of_translation.square().sum(1)
        anywhere = _t_log_prob(squared, 3, self.uniform_peak, WIDENING**2) + draws.log_measure
        image = torch.baddbmm(self.offset, self.linear, y).unflatten(1, self.turns.shape[1:3])
        y_of_rotation, log_volume = _divided(image)
        y_of_rotation = y_of_rotation + torch.bmm(self.skew, y_of_translation)[:, None]
        squared = y_of_rotation.square().sum(2) + squared[:, None]
        turned = _t_log_prob(squared, y.shape[1], _log_peak(y.shape[1])) + log_volume
        share = math.log(2 * self.turns.shape[1])
        return torch.logaddexp(anywhere, turned.logsumexp(1) - share)


def _half_turns(mode: Tensor) -> Tensor:
    """Turns of the object by pi about Y (4 DoF), or about each of its own axes.

    As a rotation by d is one of the quaternion (1, -d) q, up to its length, with an axis r in the
    camera's frame that turned by pi is (1, -d) (0, r) q = (d.r, r - d x r) q. A yaw is half a turn
    further at -4 / d = -2 / (d / 2). Both are linear in homogeneous coordinates.

    Returns:
        (B, H, r + 1, r + 1) matrices of determinant one, from (1, d) to a multiple of that of the
        turned rotation, where r numbers make a rotation.
    """
    if pose_type_of(mode) is YawPose:
        zero = torch.zeros_like(mode[:, 0])
        rows = (zero, zero + 0.5, zero - 2, zero)
        return torch.stack(rows, dim=-1).unflatten(-1, (1, 2, 2))
    x, y, z = rotation_matrix(mode).unbind(1)
    zero = torch.zeros_like(x)
    rows = (zero, x, y, z, -x, zero, z, -y, -y, -z, zero, x, -z, y, -x, zero)
    return torch.stack(rows, dim=-1).unflatten(-1, (4, 4))


def _divided(image: Tensor) -> tuple[Tensor, Tensor]:
    """From homogeneous coordinates (..., r + 1, K).

    Returns:
        The coordinates (..., r, K), and the log volume (..., K) of what a linear map of determinant
        one in homogeneous coordinates makes of a unit of volume.
    """
    divisor = _not_zero(image[..., :1, :])
    return image[..., 1:, :] / divisor, divisor[..., 0, :].abs().log() * -image.shape[-2]


def _not_zero(divisor: Tensor) -> Tensor:
    return torch.where(divisor.abs() < 1 / MAX_CHART, 1 / MAX_CHART, divisor)


def _t_log_prob(squared: Tensor, dim: int, peak: Tensor | float, variance: float = 1) -> Tensor:
    """Log density of a multivariate t.

    Args:
        squared: distances from its location, squared.
        dim: of the space.
        peak: log density at the location.
        variance: of its scale, in units of the distances.
    """
    power = (DF + dim) / 2
    return (squared + DF * variance).log() * -power + (peak + power * math.log(DF * variance))


def _log_peak(dim: int) -> float:
    """Log density of a standard t at its location."""
    return math.lgamma((DF + dim) / 2) - math.lgamma(DF / 2) - dim / 2 * math.log(DF * math.pi)


def _factor_and_inverse(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Cholesky factor of matrices (B, D, D), and its inverse."""
    factor = scale_factor(matrix)
    return factor, torch.linalg.solve_triangular(factor, _identity_like(factor), upper=False)


def _identity_like(matrix: Tensor) -> Tensor:
    """(B, D, D)."""
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return identity.expand_as(matrix)
