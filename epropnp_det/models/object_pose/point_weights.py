"""Weights of correspondences from logits, as the published versions read them."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

PointWeights = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Logits (B, N, 2), scales (B, 2) and sizes of a cell in pixels (B,) -> weights (B, N, 2)."""


def centred_weights(logit: Tensor, scale: Tensor, cell: Tensor) -> Tensor:
    """exp(logit - mean of the logits) * scale / N (versions v1 and v1b, arXiv 2203.13254).

    The size of the cells does not matter: an error of one pixel counts the same in every crop.

    Args:
        logit: (B, N, 2).
        scale: (B, 2).
        cell: (B,) not used.

    Returns:
        (B, N, 2) not negative, in 1 / pixel.
    """
    centred = logit - logit.mean(1, keepdim=True)
    return (centred - math.log(max(logit.shape[1], 1))).exp() * scale[:, None]


def softmax_weights(logit: Tensor, scale: Tensor, cell: Tensor) -> Tensor:
    """softmax of the logits over the points * scale / cell (version v2, arXiv 2303.12787).

    An error of one cell counts the same in every crop.

    Args:
        logit: (B, N, 2).
        scale: (B, 2).
        cell: (B,) pixels a cell.

    Returns:
        (B, N, 2) not negative, in 1 / pixel.
    """
    return logit.softmax(1) * (scale / cell[:, None])[:, None]


WEIGHTINGS: dict[str, PointWeights] = {"v1": centred_weights, "v2": softmax_weights}
"""By the names that a config gives them."""
