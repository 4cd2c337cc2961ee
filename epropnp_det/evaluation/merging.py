"""One set of boxes a sample, out of the boxes that its cameras saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..rotated_nms import rotated_bev_nms
from .geometry import GlobalBoxes


def merge_cameras(
    boxes: GlobalBoxes,
    scores: np.ndarray,
    labels: np.ndarray,
    ego_position: np.ndarray,
    class_ranges: Sequence[float],
    nms_threshold: float | None,
    max_boxes: int,
) -> np.ndarray:
    """Choose the boxes of a sample that are submitted.

    Drops boxes outside their class range as the devkit does (`add_center_dist` and
    `filter_eval_boxes`: horizontal distance to the ego pose of the LiDAR, the range itself
    excluded), suppresses duplicates between the cameras, and keeps the best by score.

    Args:
        boxes: N boxes in the global frame, of all cameras of one sample.
        scores: (N,) scores.
        labels: (N,) class indices.
        ego_position: (3,) ego position at the LiDAR's timestamp, global metres.
        class_ranges: range of every class in metres, by class index.
        nms_threshold: BEV intersection over union above which the worse box goes; None keeps all.
        max_boxes: at most so many boxes stay.

    Returns:
        (M,) indices of the chosen boxes, best score first.
    """
    bev = boxes.bev(ego_position)
    in_range = np.hypot(bev[:, 0], bev[:, 1]) < np.asarray(class_ranges, dtype=float)[labels]
    keep = np.flatnonzero(in_range)
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    if nms_threshold is not None:
        keep = keep[rotated_bev_nms(bev[keep], scores[keep], labels[keep], nms_threshold)]
    return keep[:max_boxes]
