"""Where the solver has an object's origin, and its unit of length.

Whether lengths are metres, millimetres or kilometres must not matter, but constants such as the
ridge of the normal matrix are numbers. So objects are solved and sampled in a unit of their own.
It is the user's wherever an object's size in it is that of things between a hand and a truck in
metres; elsewhere it is the power of two next below its size. Powers of two cost no rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .pose import pose_type_of, rotate
from .tensor_batch import keep_objects

SIZES = (2.0**-5, 2.0**3)
"""Root mean square distances of points from their mean at which the unit stays the user's."""


class LocalFrame(NamedTuple):
    """Origins and units of B objects.

    Attributes:
        origin: (B, 3) in the object's frame, in the user's unit.
        unit: (B,) a power of two, in the user's unit.
    """

    origin: Tensor
    unit: Tensor

    def enter(self, pose: Tensor) -> Tensor:
        """Poses (..., B, P) as the user has them, as the solver has them."""
        moved = pose.clone()  # in the memory format of what may be many poses
        for i, shift in enumerate(self._turned_origin(pose)):
            moved[..., i] += shift
        moved[..., :3] *= 1 / self.unit[:, None]
        return moved

    def leave(self, pose: Tensor) -> Tensor:
        """The inverse of ``enter``."""
        moved = pose.clone()
        moved[..., :3] *= self.unit[:, None]
        for i, shift in enumerate(self._turned_origin(pose)):
            moved[..., i] -= shift
        return moved

    def _turned_origin(self, pose: Tensor) -> list[Tensor]:
        x, y, z = self.origin.unbind(-1)
        rows = pose_type_of(pose).rotation_rows(pose)
        return [row[0] * x + row[1] * y + row[2] * z for row in rows]

    def kept(self, keep: Tensor) -> LocalFrame:
        """The user's own frame for objects that are not to be kept, (B,) bool."""
        unit = torch.where(keep, self.unit, torch.ones_like(self.unit))
        return LocalFrame(keep_objects(self.origin, keep), unit)

    def leave_covariance(self, pose: Tensor, covariance: Tensor) -> Tensor:
        """Covariances (B, dof, dof) at poses (B, P) that have left: the translation takes part in
        the rotation."""
        size = covariance.shape[-1]
        axes = torch.eye(size, dtype=pose.dtype, device=pose.device)
        transport = axes.repeat(pose.shape[0], 1, 1)
        rotated = rotate(pose, -self.origin[:, None])[:, 0]
        for i in range(3):
            columns = pose_type_of(pose).rotation_gradient(list(axes[i, :3]), rotated.unbind(-1))
            transport[:, i, i] = self.unit
            transport[:, i, 3:] = torch.stack(columns, dim=-1)
        return transport @ covariance @ transport.mT


def length_unit(squared_size: Tensor) -> Tensor:
    """Units (B,) for mean squared distances (B,) of points from their mean."""
    size = squared_size.sqrt()
    # Exactly a power of two: frexp's fraction is that of the size, in [1/2, 1).
    below = size / (2 * torch.frexp(size).mantissa)
    other = ((size < SIZES[0]) | (size > SIZES[1])) & (below > 0) & (below < torch.inf)
    return torch.where(other, below, torch.ones_like(size))


def mean_squared_size(points: Tensor) -> Tensor:
    """Of points (..., N, 3), without gradient: (...)."""
    points = points.detach()
    count = max(points.shape[-2], 1)
    offset = points - points.sum(-2, keepdim=True) / count
    return offset.square().sum((-2, -1)) / count
