"""How numbers lie in memory while the layer computes.

A number per point is a plane of shape (C, N, L): C rows, N points, L lanes. Long contiguous inner
loops run over lanes, never over the 2, 3 or 4 coordinates, which are separate planes. Three uses:

- many poses of each object: a row is an object and a lane is a pose, so that the correspondences,
  (B, N, 1), are read once for all poses;
- several subsets of an object's points: a row is an object and a lane is a subset, with one pose;
- one pose of each of many objects: a lane is an object. ``lanes`` of them make a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class Layout:
    """Packs tensors whose first dimension is the batch of B objects.

    Attributes:
        lanes: L, objects in a row, to which the batch is padded with zeros; None puts the whole
            batch into one row, which is best for one operation at a time. Compiled code wants
            short rows: what it computes on the way then stays in a core's nearest memory.
    """

    lanes: int | None = None

    def objects(self, tensor: Tensor) -> Tensor:
        """Numbers per object: (B, ...) -> (..., C, 1, L)."""
        planes = tensor.movedim(0, -1)
        if self.lanes is None:
            return planes.contiguous()[..., None, None, :]
        padded = _padded(planes, 0, self._padding(planes.shape[-1])).contiguous()
        return padded.unflatten(-1, (-1, self.lanes))[..., None, :]

    def points(self, planes: Tensor) -> Tensor:
        """Coordinates of points: (D, B, N) -> (D, C, N, L)."""
        if self.lanes is None:
            return planes.mT.contiguous()[:, None]
        padded = _padded(planes, 0, 0, 0, self._padding(planes.shape[1]))
        return padded.unflatten(1, (-1, self.lanes)).mT.contiguous()

    def repeated(self, planes: Tensor, copies: int) -> Tensor:
        """Packed planes (..., C, N, L) several times, objects of the first copy first."""
        along = -1 if self.lanes is None else -3
        return torch.cat([planes] * copies, dim=along)

    def unpack_points(self, tensor: Tensor, batch: int) -> Tensor:
        """The inverse of ``points``: (D, C, N, L) -> (B, N, D)."""
        return tensor.transpose(1, 2).flatten(2)[..., :batch].permute(2, 1, 0)

    def _padding(self, batch: int) -> int:
        """Objects that are missing in the last row."""
        # Compilers treat a size of one as a case of its own: there are always two padded rows.
        fewest = 2 * self.lanes if self.lanes > 1 else 0
        return max(-batch % self.lanes, fewest - batch)


def _padded(planes: Tensor, *padding: int) -> Tensor:
    """With zeros appended, if any, for torch copies what needs none."""
    return pad(planes, padding) if any(padding) else planes


OBJECT_ROWS = Layout(lanes=1)
"""One object a row, for many poses of each."""
