"""Distributions from which the published sampler draws translations and rotations.

All of them are batches, one distribution an object, of values (K, B, D).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .pose import quaternion_tangents
from .tensor_batch import diagonal

CAUCHY_SCALE = 0.581
"""Scale of the likeliest trivariate Cauchy distribution for a normal one of covariance one."""


def scale_factor(covariance: Tensor, fallback: Tensor | None = None) -> Tensor:
    """Cholesky factor that never fails.

    Args:
        covariance: (B, D, D).
        fallback: (B, D, D) factor for matrices that have none; None stands for the identity.

    Returns:
        (B, D, D), lower triangular.
    """
    identity = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    jitter = 10 * torch.finfo(covariance.dtype).eps
    factor, failed = torch.linalg.cholesky_ex(covariance * (1 + jitter * identity))
    # What is not finite anywhere in a factor is so on its diagonal.
    sound = (failed == 0) & (diagonal(factor).sum(-1) < math.inf)
    return torch.where(sound[:, None, None], factor, identity if fallback is None else fallback)


@dataclass(frozen=True)
class MultivariateT:
    """Multivariate Student t distributions.

    Attributes:
        loc: (B, D).
        scale_tril: (B, D, D) Cholesky factor of the scale matrix.
        df: degrees of freedom.
    """

    loc: Tensor
    scale_tril: Tensor
    df: int = 3

    @classmethod
    def from_mode(cls, mode: Tensor, covariance: Tensor) -> MultivariateT:
        """Around a mode (B, D), with a covariance (B, D, D) as the scale matrix."""
        return cls(mode, scale_factor(covariance))

    def adapted(self, samples: Tensor, weights: Tensor) -> MultivariateT:
        """Of the weighted mean and covariance of samples (K, B, D).

        Args:
            samples: (K, B, D).
            weights: (K, B), of sum one over K.
        """
        mean = (weights[..., None] * samples).sum(0)
        offset = samples - mean
        covariance = torch.einsum("kb,kbi,kbj->bij", weights, offset, offset)
        return MultivariateT(mean, scale_factor(covariance, self.scale_tril), self.df)

    def sample(self, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num_samples, B, D)."""
        size = (num_samples, *self.loc.shape[:-1])
        kwargs = {"dtype": self.loc.dtype, "device": self.loc.device, "generator": generator}
        normal = torch.randn(*size, self.loc.shape[-1], **kwargs)
        # A chi-square of whole degrees is a sum of squares: torch's own takes no generator.
        chi_square = torch.randn(*size, self.df, **kwargs).square().sum(-1, keepdim=True)
        scaled = normal * (self.df / chi_square).sqrt()
        return self.loc + (self.scale_tril @ scaled[..., None])[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (K, B) of values (K, B, D)."""
        dim = self.loc.shape[-1]
        squared = _white(value - self.loc, self.scale_tril).square().sum(-1)
        normaliser = (
            math.lgamma(0.5 * (self.df + dim))
            - math.lgamma(0.5 * self.df)
            - 0.5 * dim * math.log(self.df * math.pi)
        )
        tail = -0.5 * (self.df + dim) * torch.log1p(squared / self.df)
        return normaliser - log_det(self.scale_tril) + tail


@dataclass(frozen=True)
class VonMisesUniform:
    """Mixtures of a von Mises and a uniform distribution of an angle in radians.

    Attributes:
        loc: (B, 1) radians.
        kappa: (B, 1) concentration, positive.
        uniform_share: probability of the uniform part.
    """

    loc: Tensor
    kappa: Tensor
    uniform_share: float = 0.25

    @classmethod
    def from_mode(cls, mode: Tensor, covariance: Tensor) -> VonMisesUniform:
        """Around a yaw (B, 1) with its variance (B, 1, 1), concentration 0.33 / variance."""
        return cls(mode, _limit(0.33 / covariance[..., 0]))

    def adapted(self, samples: Tensor, weights: Tensor) -> VonMisesUniform:
        """Of the weighted mean direction and its length.

        The concentration is that of Banerjee et al., Clustering on the Unit Hypersphere using von
        Mises-Fisher Distributions, 2005, equation 4.4, times 0.33.

        Args:
            samples: (K, B, 1).
            weights: (K, B), of sum one over K.
        """
        weights = weights[..., None]
        sin, cos = (weights * samples.sin()).sum(0), (weights * samples.cos()).sum(0)
        squared = (sin**2 + cos**2).clamp(max=1)
        kappa = squared.sqrt() * (2 - squared) / (1 - squared)
        return VonMisesUniform(torch.atan2(sin, cos), _limit(0.33 * kappa), self.uniform_share)

    def sample(self, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num_samples, B, 1) angles in [-pi, pi)."""
        kwargs = {"dtype": torch.float64, "device": self.loc.device, "generator": generator}
        size = (num_samples, *self.loc.shape)
        uniform = (2 * torch.rand(size, **kwargs) - 1) * math.pi
        from_uniform = torch.rand(size, **kwargs) < self.uniform_share
        offset = _sample_von_mises(self.kappa.double(), num_samples, generator)
        angle = torch.where(from_uniform, uniform, offset + self.loc)
        return ((angle + math.pi) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (K, B) by radian of angles (K, B, 1)."""
        # cos(d) - 1 loses all digits of a small d; its half-angle form does not.
        exponent = -2 * self.kappa * (0.5 * (value - self.loc)).sin().square()
        von_mises = exponent - math.log(2 * math.pi) - torch.special.i0e(self.kappa).log()
        uniform = math.log(self.uniform_share / (2 * math.pi))
        von_mises = von_mises[..., 0] + math.log1p(-self.uniform_share)
        return torch.logaddexp(von_mises, torch.full_like(von_mises, uniform))


@dataclass(frozen=True)
class AngularCentralGaussian:
    """Angular central Gaussian distributions of a unit quaternion: normalised normal vectors.

    The density is the same at q and -q (Tyler, Statistical analysis for the angular central
    Gaussian distribution on the sphere, 1987).

    Attributes:
        scale_tril: (B, 4, 4) Cholesky factor of the scale matrix, whose size has no meaning.
    """

    scale_tril: Tensor

    @classmethod
    def from_mode(cls, mode: Tensor, covariance: Tensor) -> AngularCentralGaussian:
        """Around unit quaternions.

        In the chart of ``QuaternionPose`` the distribution of scale q q^T + G C G^T is a
        multivariate Cauchy distribution of scale C, which is the likeliest for a normal d at
        C = 0.581 covariance, where Tyler's equation reads E[c / (c + chi^2_3)] = 1 / 4.

        Args:
            mode: q, (B, 4).
            covariance: of the rotation step d, (B, 3, 3).
        """
        tangents = quaternion_tangents(mode)
        spread = tangents @ (CAUCHY_SCALE * covariance) @ tangents.mT
        return cls(scale_factor(mode[..., None] * mode[..., None, :] + spread))

    def adapted(self, samples: Tensor, weights: Tensor) -> AngularCentralGaussian:
        """Of the scale matrix that is likeliest for weighted samples, by Tyler's fixed point.

        Args:
            samples: (K, B, 4) unit quaternions.
            weights: (K, B), of sum one over K.
        """
        factor = self.scale_tril
        for _ in range(3):
            squared = _white(samples, factor).square().sum(-1)
            scale = torch.einsum("kb,kbi,kbj->bij", 4 * weights / squared, samples, samples)
            factor = scale_factor(scale, factor)
        return AngularCentralGaussian(factor)

    def sample(self, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num_samples, B, 4) unit quaternions."""
        normal = torch.randn(
            num_samples,
            *self.scale_tril.shape[:-1],
            dtype=self.scale_tril.dtype,
            device=self.scale_tril.device,
            generator=generator,
        )
        vector = (self.scale_tril @ normal[..., None])[..., 0]
        return torch.nn.functional.normalize(vector, dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (K, B), by the surface measure of the sphere, of quaternions (K, B, 4)."""
        squared = _white(value, self.scale_tril).square().sum(-1)
        return -math.log(2 * math.pi**2) - log_det(self.scale_tril) - 2 * squared.log()


def _white(value: Tensor, scale_tril: Tensor) -> Tensor:
    """Values (K, B, D) in units of the scale."""
    columns = value.permute(1, 2, 0)
    return torch.linalg.solve_triangular(scale_tril, columns, upper=False).permute(2, 0, 1)


def log_det(scale_tril: Tensor) -> Tensor:
    """(B,) log determinant of triangular factors (B, D, D)."""
    return diagonal(scale_tril).log().sum(-1)


def _limit(kappa: Tensor) -> Tensor:
    return kappa.nan_to_num(nan=1.0).clamp(1e-3, 1e6)


def _sample_von_mises(kappa: Tensor, num_samples: int, generator: torch.Generator | None) -> Tensor:
    """Offsets (num_samples, *kappa.shape) from the mean, by rejection from a wrapped Cauchy.

    Best and Fisher, Efficient Simulation of the von Mises Distribution, 1979. The number of tries
    is fixed, so that an object draws the same random numbers whatever its neighbours are; a try
    fails with at most 34 % probability, all sixteen with 4e-8, and then the first one is taken.
    """
    tau = 1 + (1 + 4 * kappa**2).sqrt()
    rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
    r = (1 + rho**2) / (2 * rho)
    size = (16, num_samples, *kappa.shape)
    kwargs = {"dtype": kappa.dtype, "device": kappa.device, "generator": generator}
    z = (math.pi * torch.rand(size, **kwargs)).cos()
    f = ((1 + r * z) / (r + z)).clamp(-1, 1)
    c = kappa * (r - f)
    accept = (c.log() + 1 - c) >= torch.rand(size, **kwargs).log()
    first = accept.byte().argmax(dim=0, keepdim=True)
    sign = (torch.rand(size[1:], **kwargs) - 0.5).sign()
    return sign * f.take_along_dim(first, dim=0)[0].acos()
