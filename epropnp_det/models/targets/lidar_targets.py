"""What LiDAR points tell about objects."""

from __future__ import annotations

import torch
from torch import Tensor

from epropnp_det.pnp.pose import rotate

from ..batch import ImagePoints, ObjectTruth


def points_in_boxes(
    points: ImagePoints, truth: ObjectTruth, img_ind: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Pair objects with the points of their image inside their 3D boxes, in closed form.

    Args:
        points: K points.
        truth: G objects.
        img_ind: (G,) image of each object.

    Returns:
        (P,) objects, (P,) points and (P, 3) the points in the object's frame, in metres.
    """
    # The inverse of y = R x + t, with R a turn about the camera's Y axis, first subtracts t.
    inverse = torch.cat([truth.pose[:, :3], -truth.pose[:, 3:]], dim=1)
    local = rotate(inverse, points.xyz - truth.pose[:, None, :3])
    inside = (local.abs() <= truth.dims[:, None] / 2).all(-1)
    obj, point = (inside & (img_ind[:, None] == points.img_ind)).nonzero(as_tuple=True)
    return obj, point, local[obj, point]


def mean_by_cell(cell: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Average the values that fall into the same cell.

    Args:
        cell: (P,) cell of each value.
        values: (P, C).

    Returns:
        (K,) the cells that hold a value, ascending, and (K, C) their means.
    """
    cells, place, count = cell.unique(return_inverse=True, return_counts=True)
    total = values.new_zeros(len(cells), values.shape[1]).index_add(0, place, values)
    return cells, total / count[:, None]
