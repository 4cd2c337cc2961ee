"""Robust costs of a correspondence, as functions of its squared weighted error."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .tensor_batch import TensorBatch, block_overflow, check_shape


@dataclass(frozen=True, eq=False)
class RobustCost(TensorBatch):
    """What a robust cost offers.

    Its functions take the squared norm ``s^2 = |f|^2`` of points, objects last: (..., B), or packed
    as the cost itself is.

    Attributes:
        delta: error norm at which the cost leaves the parabola s^2 / 2: (B,), or one number.

    Raises:
        ValueError: if ``delta`` is a tensor of another shape.
    """

    delta: Tensor | float = field(metadata={"harmless": torch.ones_like})

    def __post_init__(self) -> None:
        if isinstance(self.delta, Tensor):
            check_shape("delta", self.delta, ("B",))

    @abstractmethod
    def rho(self, squared_norm: Tensor) -> Tensor:
        """Cost of each point, of the argument's shape."""

    @abstractmethod
    def weight(self, squared_norm: Tensor) -> Tensor:
        """d rho / d(s^2 / 2): its root scales residual and Jacobian rows for least squares."""

    @abstractmethod
    def delta_gradient(self, squared_norm: Tensor) -> Tensor:
        """d rho / d delta, of the argument's shape."""

    def usable(self) -> Tensor | bool:
        """(B,) bool: whether delta is finite and positive."""
        return (self.delta > 0) & (self.delta < float("inf"))


@dataclass(frozen=True, eq=False)
class HuberCost(RobustCost):
    """s^2 / 2 up to delta, delta * s - delta^2 / 2 beyond (Huber, 1964).

    Attributes:
        delta: (B,), or one number for all; of the unit of s, the norm of a weighted error.

    Example:
        >>> HuberCost(2.0).rho(torch.tensor([1.0, 4, 9]))  # s = 1, 2 and 3
        tensor([0.5000, 2.0000, 4.0000])
    """

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
            relative_delta: share of the spread, without unit.

        Example:
            >>> HuberCost.adaptive(torch.tensor([[[0.0, 0], [2, 2]]])).delta  # 0.5 * sqrt(2 + 2)
            tensor([1.])
        """
        if x2d.shape[1] < 2:
            return cls(x2d.new_zeros(len(x2d)))
        w2d = torch.ones_like(x2d) if w2d is None else w2d
        variance, mean = _variance(block_overflow(x2d)), block_overflow(w2d).mean(dim=(1, 2))
        usable = (variance > 0) & (variance < float("inf")) & (mean.abs() < float("inf"))
        # The root has no derivative at zero, so that other objects are replaced before it.
        spread = torch.where(usable, variance, torch.ones_like(variance)).sqrt()
        delta = relative_delta * mean * spread
        return cls(torch.where(usable, delta, torch.zeros_like(delta)))

    def rho(self, squared_norm: Tensor) -> Tensor:
        parabola = 0.5 * squared_norm.clamp(max=self.delta**2)
        return parabola + self.delta * self._excess(squared_norm)

    def weight(self, squared_norm: Tensor) -> Tensor:
        return self.delta / self._norm_beyond(squared_norm)

    def delta_gradient(self, squared_norm: Tensor) -> Tensor:
        return self._excess(squared_norm)

    def _excess(self, squared_norm: Tensor) -> Tensor:
        return self._norm_beyond(squared_norm) - self.delta

    def _norm_beyond(self, squared_norm: Tensor) -> Tensor:
        """max(s, delta): the clamp comes before the root, which has no derivative at zero."""
        return squared_norm.clamp(min=self.delta**2).sqrt()


@dataclass(frozen=True, eq=False)
class CauchyCost(RobustCost):
    """delta^2 / 2 * log(1 + s^2 / delta^2): the cost of an outlier hardly grows with its distance.

    Attributes:
        delta: (B,), or one number for all; of the unit of s, the norm of a weighted error.

    Example:
        >>> CauchyCost(1.0).rho(torch.tensor([0.0, 1, 3]))  # log(1), log(2) and log(4), halved
        tensor([0.0000, 0.3466, 0.6931])
    """

    def rho(self, squared_norm: Tensor) -> Tensor:
        return 0.5 * self.delta**2 * torch.log1p(squared_norm / self.delta**2)

    def weight(self, squared_norm: Tensor) -> Tensor:
        return 1 / (1 + squared_norm / self.delta**2)

    def delta_gradient(self, squared_norm: Tensor) -> Tensor:
        ratio = squared_norm / self.delta**2
        return self.delta * (torch.log1p(ratio) - ratio / (1 + ratio))


def _variance(x2d: Tensor) -> Tensor:
    """var(u) + var(v), unbiased: (B, N, 2) -> (B,). Several times as fast as torch's."""
    planes = x2d.mT.contiguous()
    offset = planes - planes[..., :1]  # exactly zero where the pixels coincide
    return (offset - offset.mean(-1, keepdim=True)).square().sum((1, 2)) / (x2d.shape[1] - 1)
