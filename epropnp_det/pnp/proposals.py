"""Proposal distributions of the Monte Carlo pose posterior."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def scale_factor(covariance: Tensor, fallback: Tensor | None = None) -> Tensor:
    """Cholesky factor that never fails.

    Args:
        covariance: (B, D, D).
        fallback: (B, D, D) factor for matrices that have none; None stands for the identity.

    Returns:
        (B, D, D), lower triangular.
    """
    jitter = 10 * torch.finfo(covariance.dtype).eps
    diagonal = covariance.diagonal(dim1=-2, dim2=-1)
    factor, failed = torch.linalg.cholesky_ex(covariance + torch.diag_embed(jitter * diagonal))
    if fallback is None:
        fallback = torch.eye(diagonal.shape[-1], dtype=factor.dtype, device=factor.device)
    sound = (failed == 0) & factor.isfinite().flatten(1).all(-1)
    return torch.where(sound[:, None, None], factor, fallback)


@dataclass(frozen=True)
class MultivariateT:
    """Multivariate Student t distributions, one an object.

    Attributes:
        loc: (B, D).
        scale_tril: (B, D, D) Cholesky factor of the scale matrix.
        df: degrees of freedom.
    """

    loc: Tensor
    scale_tril: Tensor
    df: int = 3

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
        offset = (value - self.loc).permute(1, 2, 0)
        white = torch.linalg.solve_triangular(self.scale_tril, offset, upper=False)
        log_det = self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        normaliser = (
            math.lgamma(0.5 * (self.df + dim))
            - math.lgamma(0.5 * self.df)
            - 0.5 * dim * math.log(self.df * math.pi)
        )
        tail = torch.log1p(white.square().sum(1).mT / self.df)
        return normaliser - log_det - 0.5 * (self.df + dim) * tail


@dataclass(frozen=True)
class VonMisesUniform:
    """Mixtures of a von Mises and a uniform distribution of an angle, one an object.

    Attributes:
        loc: (B,) radians.
        kappa: (B,) concentration, positive.
        uniform_share: probability of the uniform part.
    """

    loc: Tensor
    kappa: Tensor
    uniform_share: float = 0.25

    def sample(self, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num_samples, B) angles in [-pi, pi)."""
        kwargs = {"dtype": torch.float64, "device": self.loc.device, "generator": generator}
        size = (num_samples, *self.loc.shape)
        uniform = (2 * torch.rand(size, **kwargs) - 1) * math.pi
        from_uniform = torch.rand(size, **kwargs) < self.uniform_share
        offset = _sample_von_mises(self.kappa.double(), num_samples, generator)
        angle = torch.where(from_uniform, uniform, offset + self.loc)
        return ((angle + math.pi) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (K, B) of angles (K, B)."""
        # cos(d) - 1 loses all digits of a small d; its half-angle form does not.
        exponent = -2 * self.kappa * (0.5 * (value - self.loc)).sin().square()
        von_mises = exponent - math.log(2 * math.pi) - torch.special.i0e(self.kappa).log()
        uniform = math.log(self.uniform_share / (2 * math.pi))
        return torch.logaddexp(
            von_mises + math.log1p(-self.uniform_share), von_mises.new_tensor(uniform)
        )


def _sample_von_mises(kappa: Tensor, num_samples: int, generator: torch.Generator | None) -> Tensor:
    """Offsets (num_samples, B) from the mean, by rejection from a wrapped Cauchy distribution.

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


@dataclass(frozen=True)
class YawProposal:
    """Proposal over [x, y, z, yaw]: independent translation and yaw (EPro-PnP, arXiv 2203.13254).

    Attributes:
        translation: multivariate t of 3 degrees of freedom, metres.
        yaw: 0.75 von Mises + 0.25 uniform, radians.
    """

    translation: MultivariateT
    yaw: VonMisesUniform

    @classmethod
    def from_mode(cls, pose: Tensor, covariance: Tensor) -> YawProposal:
        """Around a mode (B, 4) with its covariance (B, 4, 4)."""
        return cls(
            MultivariateT(pose[:, :3], scale_factor(covariance[:, :3, :3])),
            VonMisesUniform(pose[:, 3], _limit(0.33 / covariance[:, 3, 3])),
        )

    def adapted(self, samples: Tensor, weights: Tensor) -> YawProposal:
        """The next proposal, from the weighted moments of all samples so far.

        Args:
            samples: (K, B, 4).
            weights: (K, B), of sum one over K.
        """
        mean = (weights[..., None] * samples[..., :3]).sum(0)
        offset = samples[..., :3] - mean
        covariance = torch.einsum("kb,kbi,kbj->bij", weights, offset, offset)
        # Concentration of a von Mises from the length of the mean direction (Banerjee et al.,
        # Clustering on the Unit Hypersphere using von Mises-Fisher Distributions, 2005, eq. 4.4).
        sin, cos = (
            (weights * part).sum(0) for part in (samples[..., 3].sin(), samples[..., 3].cos())
        )
        squared = (sin**2 + cos**2).clamp(max=1)
        kappa = squared.sqrt() * (2 - squared) / (1 - squared)
        return YawProposal(
            MultivariateT(mean, scale_factor(covariance, self.translation.scale_tril)),
            VonMisesUniform(torch.atan2(sin, cos), _limit(0.33 * kappa)),
        )

    def sample(self, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num_samples, B, 4)."""
        translation = self.translation.sample(num_samples, generator)
        yaw = self.yaw.sample(num_samples, generator)
        return torch.cat((translation, yaw[..., None]), dim=-1)

    def log_prob(self, samples: Tensor) -> Tensor:
        """Log density (K, B) of poses (K, B, 4), by metres cubed and radian."""
        return self.translation.log_prob(samples[..., :3]) + self.yaw.log_prob(samples[..., 3])


def _limit(kappa: Tensor) -> Tensor:
    return kappa.clamp(1e-3, 1e6)
