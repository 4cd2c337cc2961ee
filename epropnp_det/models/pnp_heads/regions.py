"""Regions of interest: grids of cells over 2D boxes, and where they overlap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmcv.ops import roi_align
from torch import Tensor


@dataclass(frozen=True)
class Regions:
    """R regions of ``size`` x ``size`` cells, rows first.

    Attributes:
        boxes: (R, 4) 2D boxes (x1, y1, x2, y2) of some extent, in network-input pixels.
        img_ind: (R,) image of each region within the batch.
        size: cells along each side.
    """

    boxes: Tensor
    img_ind: Tensor
    size: int

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def extent(self) -> Tensor:
        """(R, 2) widths and heights, in pixels."""
        return self.boxes[:, 2:] - self.boxes[:, :2]

    def pixels(self) -> Tensor:
        """Cell centres (R, size, size, 2) as (u, v), in pixels."""
        step = torch.arange(self.size, dtype=self.boxes.dtype, device=self.boxes.device)
        step = (step + 0.5) / self.size
        grid = torch.stack(torch.meshgrid(step, step, indexing="xy"), dim=-1)
        return self.boxes[:, None, None, :2] + grid * self.extent[:, None, None]

    def align(self, feature_map: Tensor, stride: int) -> Tensor:
        """RoI-align (Mask R-CNN, arXiv 1703.06870): the map averaged over each cell.

        Args:
            feature_map: (B, C, H, W).
            stride: pixels a cell of the map.

        Returns:
            (R, C, size, size).
        """
        rois = torch.cat([self.img_ind[:, None].to(self.boxes), self.boxes], dim=1)
        # mmcv reads the memory of a map as if its channels came first.
        return roi_align(feature_map.contiguous(), rois, self.size, 1 / stride, 0, "avg", True)

    def cell_of(self, pixels: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
        """The cells, numbered through all regions, in which pixels lie.

        Args:
            pixels: (K, 2), in pixels.
            region: (K,) the region to look in.

        Returns:
            (K,) cells, and (K,) whether the pixel lies in the region at all.
        """
        position = (pixels - self.boxes[region, :2]) / self.extent[region]
        column, row = (position * self.size).long().clamp(0, self.size - 1).unbind(-1)
        inside = ((position >= 0) & (position <= 1)).all(-1)
        return (region * self.size + row) * self.size + column, inside

    def overlaps(self) -> RegionOverlaps:
        """Pairs of regions of an image of which one has cells in the other."""
        lower = torch.maximum(self.boxes[:, None, :2], self.boxes[:, :2])
        upper = torch.minimum(self.boxes[:, None, 2:], self.boxes[:, 2:])
        touching = (lower < upper).all(-1) & (self.img_ind[:, None] == self.img_ind)
        touching.fill_diagonal_(False)
        region, other = touching.nonzero(as_tuple=True)
        corner, extent = (x[other, None, None] for x in (self.boxes[:, :2], self.extent))
        return RegionOverlaps(region, other, 2 * (self.pixels()[region] - corner) / extent - 1)


@dataclass(frozen=True)
class RegionOverlaps:
    """P ordered pairs of overlapping regions.

    Attributes:
        region: (P,) the region whose cells are meant.
        other: (P,) the region that they may lie in.
        grid: (P, size, size, 2) the cell centres, in the other region's box as [-1, 1] x [-1, 1].
    """

    region: Tensor
    other: Tensor
    grid: Tensor

    def logsumexp(self, values: Tensor) -> Tensor:
        """Add to each cell what other regions have there, in the exponential.

        The other region is resampled bilinearly where a cell's centre lies in its box.

        Args:
            values: (R, size, size).

        Returns:
            (R, size, size).
        """
        there = F.grid_sample(
            values[self.other, None], self.grid, padding_mode="border", align_corners=False
        ).squeeze(1)
        there = there.masked_fill((self.grid.abs() > 1).any(-1), -torch.inf)
        region = self.region[:, None, None].expand_as(there)
        shift = values.detach().scatter_reduce(0, region, there.detach(), "amax")
        total = (values - shift).exp()
        total = total.index_add(0, self.region, (there - shift[self.region]).exp())
        return shift + total.log()
