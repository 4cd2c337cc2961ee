"""Non-maximum suppression of footprints, groups apart."""

from __future__ import annotations

import numpy as np
import shapely


def rotated_bev_nms(
    bev: np.ndarray, scores: np.ndarray, groups: np.ndarray, threshold: float
) -> np.ndarray:
    """Greedy non-maximum suppression of footprints, each group for itself.

    The overlaps are those of shapely's polygons: mmcv's rotated operators take some boxes that
    nearly coincide, or that share a line, for disjoint, which is what one object seen by two
    cameras looks like.

    Args:
        bev: (N, 5) x, y, size along the heading, size across (positive metres), yaw (radians,
            from x towards y).
        scores: (N,) higher is kept; of equal scores the first.
        groups: (N,) integers, a class or a class of one image.
        threshold: a box whose intersection over union with a better, kept one of its group is
            above this goes.

    Returns:
        (M,) indices of the kept boxes, best score first.
    """
    order = np.argsort(-scores, kind="stable")
    polygons, groups = footprints(bev[order]), groups[order]
    better, worse = shapely.STRtree(polygons).query(polygons)
    rivals = (better < worse) & (groups[better] == groups[worse])
    better, worse = better[rivals], worse[rivals]

    area = shapely.area(polygons)
    common = shapely.area(shapely.intersection(polygons[better], polygons[worse]))
    overlaps = common > threshold * (area[better] + area[worse] - common)
    kept = np.ones(len(order), dtype=bool)
    # Best first, so that every box is decided before it decides on others.
    for first, second in sorted(zip(better[overlaps], worse[overlaps], strict=True)):
        if kept[first]:
            kept[second] = False
    return order[kept]


def footprints(bev: np.ndarray) -> np.ndarray:
    """(N,) shapely polygons of footprints (N, 5), as :func:`rotated_bev_nms` takes them."""
    x, y, along, across, yaw = bev.T[..., None]
    u = along / 2 * [1, 1, -1, -1]
    v = across / 2 * [-1, 1, 1, -1]
    corners = (x + np.cos(yaw) * u - np.sin(yaw) * v, y + np.sin(yaw) * u + np.cos(yaw) * v)
    return shapely.polygons(np.stack(corners, axis=-1))
