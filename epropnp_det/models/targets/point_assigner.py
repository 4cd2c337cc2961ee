"""Which cells of the dense head are responsible for which object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor


@dataclass(frozen=True)
class PointAssignment:
    """Result of an assignment over P cells.

    Attributes:
        gt_ind: (P,) index of the assigned ground truth, -1 for background.
        centerness: (P,) centerness targets in [0, 1], 0 for background.
    """

    gt_ind: Tensor
    centerness: Tensor


@TASK_UTILS.register_module()
class CenterPointAssigner:
    """Assign a cell to the nearest object whose target centre lies within a square around it.

    A cell is positive when the target centre is less than ``radius`` strides away on both axes and
    the largest distance from the cell to a side of the object's 2D box lies in the range of its
    level (FCOS3D, arXiv 2104.10956).

    Args:
        radius: half side of the positive square, in strides.
        regress_ranges: per level, the (low, high) of the largest side distance, in pixels.
        alpha: decay of the centerness target with the distance.
    """

    def __init__(
        self,
        radius: float = 1.5,
        regress_ranges: Sequence[tuple[float, float]] = (
            (-1, 48),
            (48, 96),
            (96, 192),
            (192, 384),
            (384, float("inf")),
        ),
        alpha: float = 2.5,
    ) -> None:
        self.radius = radius
        self.regress_ranges = tuple(tuple(r) for r in regress_ranges)
        self.alpha = alpha

    def assign(
        self, mlvl_points: Sequence[Tensor], strides: Sequence[int], boxes: Tensor, centers: Tensor
    ) -> PointAssignment:
        """Assign the cells of one image.

        Args:
            mlvl_points: per level, (P_l, 2) cell centres (u, v) in pixels.
            strides: per level, the stride in pixels.
            boxes: (G, 4) ground-truth 2D boxes (x1, y1, x2, y2) in pixels.
            centers: (G, 2) target centres (u, v) in pixels.

        Returns:
            The assignment over the P = sum(P_l) cells, levels in order.

        Raises:
            ValueError: the numbers of levels and of ranges differ.
        """
        if not len(mlvl_points) == len(strides) == len(self.regress_ranges):
            raise ValueError(
                f"{len(mlvl_points)} feature levels and {len(strides)} strides, but "
                f"regress_ranges names {len(self.regress_ranges)} levels"
            )
        points = torch.cat(list(mlvl_points))
        if len(boxes) == 0:
            return PointAssignment(
                points.new_full((len(points),), -1, dtype=torch.long),
                points.new_zeros(len(points)),
            )
        sizes = torch.tensor([len(p) for p in mlvl_points], device=points.device)
        stride = points.new_tensor(strides).repeat_interleave(sizes)[:, None]
        low, high = (
            points.new_tensor(self.regress_ranges).repeat_interleave(sizes, dim=0).T[..., None]
        )

        to_center = points[:, None] - centers
        near = to_center.abs().amax(-1) < self.radius * stride
        sides = torch.cat([points[:, None] - boxes[:, :2], boxes[:, 2:] - points[:, None]], -1)
        reach = sides.amax(-1)
        eligible = near & (reach >= low) & (reach <= high)

        distance = to_center.norm(dim=-1)
        nearest, gt_ind = distance.masked_fill(~eligible, float("inf")).min(-1)
        positive = nearest.isfinite()
        decay = self.alpha / (1.414 * self.radius * stride.squeeze(-1))
        return PointAssignment(
            torch.where(positive, gt_ind, -1),
            torch.where(positive, (-decay * nearest).exp(), 0.0),
        )
