"""What a mirrored view of an image says, in terms of the plain one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..pnp_heads import ObjectPredictions


def mirrored_cells(
    feat_sizes: Sequence[tuple[int, int]], strides: Sequence[int], widths: Tensor
) -> Tensor:
    """Cell of the mirrored view whose pixels are those of a cell of the plain view.

    Both views are padded on the right, so column i of a level goes to where the mirrored centre of
    the cell, W - (i + 0.5) * stride, lies: i -> W / stride - 1 - i where the stride divides the
    width, else the nearest column, which is half a cell off at most.

    Args:
        feat_sizes: per level, (H_l, W_l).
        strides: per level, pixels a cell.
        widths: (B,) widths of the images before padding, whole pixels.

    Returns:
        (B, P) indices into all cells (levels in order, rows, columns).
    """
    cells, first = [], 0
    for (height, width), stride in zip(feat_sizes, strides, strict=True):
        column = torch.arange(width, device=widths.device)
        # In half pixels, so that the centres are whole numbers.
        centre = 2 * widths[:, None].long() - (2 * column + 1) * stride
        column = torch.div(centre, 2 * stride, rounding_mode="floor").clamp(0, width - 1)
        row = torch.arange(height, device=widths.device) * width
        cells.append((first + row[:, None] + column[:, None]).flatten(1))
        first += height * width
    return torch.cat(cells, dim=1)


def mirror_predictions(
    pred: ObjectPredictions, mirrored: Tensor, widths: Tensor
) -> ObjectPredictions:
    """Predictions of mirrored objects as those of the objects themselves.

    Pixels go u -> W - u; the lateral axis of the object and of its velocity are negated.

    Args:
        pred: of M objects.
        mirrored: (M,) bool; the others are left as they are.
        widths: (M,) widths of the objects' images before padding, in pixels.
    """
    sign = 1 - 2 * mirrored.to(pred.x3d)
    ones = torch.ones_like(sign)
    turned = torch.stack([sign, ones], dim=-1)
    offset = torch.stack([widths * mirrored, 0 * ones], dim=-1)
    return replace(
        pred,
        x3d=pred.x3d * torch.stack([ones, ones, sign], dim=-1)[:, None],
        x2d=pred.x2d * turned[:, None] + offset[:, None],
        velocity=pred.velocity * turned[:, : pred.velocity.shape[1]],
    )


def merge_predictions(preds: Sequence[ObjectPredictions]) -> ObjectPredictions:
    """One prediction of each object from those of V views, all in terms of the plain one.

    The correspondences of all views are kept, those of the first view first; their object
    coordinates refer to the mean size. Sizes, 3D scores, velocities and attribute logits are
    averaged. ``scale`` and ``dim_code``, which only training reads, stay those of the first view.

    Args:
        preds: of the same M objects, N correspondences a view.

    Returns:
        Predictions with V * N correspondences.
    """

    def mean(name: str) -> Tensor:
        return torch.stack([getattr(pred, name) for pred in preds]).mean(0)

    dims = mean("dims")
    score = torch.stack([pred.score_logit.sigmoid() for pred in preds]).mean(0)
    return replace(
        preds[0],
        x3d=torch.cat([pred.x3d * (dims / pred.dims)[:, None] for pred in preds], dim=1),
        x2d=torch.cat([pred.x2d for pred in preds], dim=1),
        w2d=torch.cat([pred.w2d for pred in preds], dim=1),
        dims=dims,
        score_logit=score.logit(),
        velocity=mean("velocity"),
        attr_logit=mean("attr_logit"),
    )
