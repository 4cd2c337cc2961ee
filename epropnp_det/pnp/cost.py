"""Robust costs of a correspondence, as functions of its squared weighted error."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from .tensor_batch import TensorBatch, check_shape, keep_objects


@dataclass(frozen=True, eq=False)
class RobustCost(TensorBatch):
    """What a robust cost offers. Both functions take the squared norm s^2 = |f|^2, (..., B, N).

    Attributes:
        delta: error norm at which the cost leaves the parabola s^2 / 2: (B,), or one number.

    Raises:
        ValueError: if ``delta`` is a tensor of another shape.
    """

    delta: Tensor | float

    def __post_init__(self) -> None:
        if isinstance(self.delta, Tensor):
            check_shape("delta", self.delta, ("B",))

    @abstractmethod
    def rho(self, squared_norm: Tensor) -> Tensor:
        """Cost of each point, of the argument's shape."""

    @abstractmethod
    def weight(self, squared_norm: Tensor) -> Tensor:
        """d rho / d(s^2 / 2): its root scales residual and Jacobian rows for least squares."""

    def masked(self, keep: Tensor) -> RobustCost:
        """Put a delta of one in place of those that are not to be kept; ``keep`` is (B,) bool."""
        if not isinstance(self.delta, Tensor):
            return self
        return type(self)(keep_objects(self.delta, keep, harmless=1.0))

    def usable(self) -> Tensor | bool:
        """(B,) bool: whether delta is finite and positive."""
        return (self.delta > 0) & (self.delta < float("inf"))

    @property
    def _delta_per_point(self) -> Tensor | float:
        return self.delta[..., None] if isinstance(self.delta, Tensor) else self.delta


@dataclass(frozen=True, eq=False)
class HuberCost(RobustCost):
    """s^2 / 2 up to delta, delta * s - delta^2 / 2 beyond."""

    @classmethod
    def adaptive(
        cls, x2d: Tensor, w2d: Tensor | None = None, relative_delta: float = 0.5
    ) -> HuberCost:
        """Delta from the size of the object in the image (EPro-PnP, arXiv 2203.13254).

        delta = relative_delta * mean(w2d) * sqrt(var(u) + var(v)), differentiable; zero, without
        gradient, where the pixels coincide or a number is not finite.

        Args:
            x2d: (B, N, 2) pixels.
            w2d: (B, N, 2) weights, or None for ones.
            relative_delta: share of the spread.
        """
        if x2d.shape[1] < 2:
            return cls(x2d.new_zeros(len(x2d)))
        w2d = torch.ones_like(x2d) if w2d is None else w2d
        variance = x2d.detach().var(dim=1).sum(-1)
        usable = (variance > 0) & variance.isfinite() & w2d.detach().mean(dim=(1, 2)).isfinite()
        # The root has no derivative at zero, so other objects are replaced before it, not after.
        x2d, w2d = keep_objects(x2d, usable), keep_objects(w2d, usable)
        variance = x2d.var(dim=1).sum(-1)
        spread = torch.where(usable, variance, torch.ones_like(variance)).sqrt()
        return cls(relative_delta * w2d.mean(dim=(1, 2)) * spread)

    def rho(self, squared_norm: Tensor) -> Tensor:
        delta = self._delta_per_point
        parabola = 0.5 * squared_norm.clamp(max=delta**2)
        return parabola + delta * (self._norm_beyond(squared_norm) - delta)

    def weight(self, squared_norm: Tensor) -> Tensor:
        return self._delta_per_point / self._norm_beyond(squared_norm)

    def _norm_beyond(self, squared_norm: Tensor) -> Tensor:
        """max(s, delta): the clamp comes before the root, which has no derivative at zero."""
        return squared_norm.clamp(min=self._delta_per_point**2).sqrt()


@dataclass(frozen=True, eq=False)
class CauchyCost(RobustCost):
    """delta^2 / 2 * log(1 + s^2 / delta^2)."""

    def rho(self, squared_norm: Tensor) -> Tensor:
        squared_delta = self._delta_per_point**2
        return 0.5 * squared_delta * torch.log1p(squared_norm / squared_delta)

    def weight(self, squared_norm: Tensor) -> Tensor:
        return 1 / (1 + squared_norm / self._delta_per_point**2)
