"""Where the cells of a batch of crops lie in their images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from epropnp_det.pnp import PerspectiveCamera

from ...structures import ObjectPoseSample


class Crops(NamedTuple):
    """B square crops, each a map of ``size`` x ``size`` cells.

    Attributes:
        cam_mats: (B, 3, 3) intrinsics of the original images, in pixels.
        corner: (B, 2) original pixel (u, v) for which the first cell stands.
        cell: (B,) original pixels a cell.
        half_size: (B, 3) metres by which object coordinates are multiplied.
        size: cells along each side.
    """

    cam_mats: Tensor
    corner: Tensor
    cell: Tensor
    half_size: Tensor
    size: int

    @classmethod
    def from_samples(cls, samples: Sequence[ObjectPoseSample], size: int, like: Tensor) -> Crops:
        """Crops of some samples, see :class:`ObjectPoseSample`.

        Args:
            samples: B samples.
            size: cells along each side of the network's maps.
            like: a tensor of the dtype and device of the result.
        """

        def gathered(name: str, *shape: int) -> np.ndarray:
            values = [np.asarray(getattr(sample, name), np.float64) for sample in samples]
            return np.array(values).reshape(-1, *shape)

        side = gathered("crop_size")
        fields = (
            gathered("cam2img", 3, 3),
            gathered("crop_center", 2) - side[:, None] / 2,
            side / size,
            gathered("half_size", 3),
        )
        return cls(*(torch.from_numpy(field).to(like) for field in fields), size)

    def pixels(self) -> Tensor:
        """(B, size^2, 2) original pixels (u, v) of the cells, row by row."""
        steps = torch.arange(self.size, dtype=self.cell.dtype, device=self.cell.device)
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).flatten(0, 1)
        return self.corner[:, None] + grid * self.cell[:, None, None]

    def cameras(self, z_min: float, border: float | None = None) -> PerspectiveCamera:
        """The cameras of the images.

        Args:
            z_min: smallest depth, metres.
            border: how many cells outside the crop a projection may lie; None for any number.
        """
        if border is None:
            return PerspectiveCamera(self.cam_mats, z_min=z_min)
        margin = self.cell[:, None] * border
        far_corner = self.corner + self.cell[:, None] * self.size
        bounds = torch.cat([self.corner - margin, far_corner + margin], dim=1)
        return PerspectiveCamera(self.cam_mats, bounds, z_min=z_min)
