"""Duplicates are dropped, as ``EProPnPDecoder`` does."""

from __future__ import annotations

import numpy as np

from ..rotated_nms import rotated_bev_nms

_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2


def keep_distinct(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    cam2img: np.ndarray,
    image_size: tuple[int, int],
    nms_2d_thr: float,
    nms_bev_thr: float,
    z_min: float,
) -> np.ndarray:
    """Indices of the boxes of an image that survive both suppressions, best first.

    Args:
        boxes: (M, 7) gravity centre, size (l, h, w) and yaw, camera frame, metres and radians.
        scores: (M,).
        labels: (M,) classes, each of which is for itself.
        cam2img: (3, 3) camera matrix of the image that the network sees, pixels.
        image_size: (width, height) of that, pixels.
        nms_2d_thr: IoU of projected boxes above which the lower score is dropped.
        nms_bev_thr: the same for rotated boxes seen from above.
        z_min: depth to which corners behind the camera are moved, metres.
    """
    rectangles = project_boxes(boxes, cam2img, image_size, z_min)
    keep = rectangle_nms(rectangles, scores, labels, nms_2d_thr)
    # Yaw turns from x away from z.
    bev = boxes[keep][:, [0, 2, 3, 5, 6]] * [1, 1, 1, 1, -1]
    return keep[rotated_bev_nms(bev, scores[keep], labels[keep], nms_bev_thr)]


def project_boxes(
    boxes: np.ndarray, cam2img: np.ndarray, image_size: tuple[int, int], z_min: float
) -> np.ndarray:
    """Image rectangles (M, 4) around boxes (M, 7), clipped to the image, pixels."""
    cosine, sine = np.cos(boxes[:, 6:]), np.sin(boxes[:, 6:])
    along, down, across = (boxes[:, None, 3:6] * _SIGNS).transpose(2, 0, 1)
    offset = [cosine * along + sine * across, down, cosine * across - sine * along]
    corners = np.stack(offset, axis=-1) + boxes[:, None, :3]
    depth = corners[..., 2:].clip(min=z_min)
    rays = np.concatenate([corners[..., :2] / depth, np.ones_like(depth)], axis=-1)
    pixels = (rays @ cam2img.T)[..., :2].clip(0, image_size)
    return np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=-1)


def rectangle_nms(
    rectangles: np.ndarray, scores: np.ndarray, labels: np.ndarray, threshold: float
) -> np.ndarray:
    """Greedy non-maximum suppression of rectangles (x1, y1, x2, y2), best first.

    Args:
        rectangles: (M, 4).
        scores: (M,) of equal scores the first is kept.
        labels: (M,) classes, each of which is for itself.
        threshold: an intersection over union above it is too much.
    """
    order = np.argsort(-scores, kind="stable")
    rectangles, labels = rectangles[order], labels[order]
    low, high = rectangles[:, :2], rectangles[:, 2:]
    area = (high - low).prod(axis=1)
    common = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    common = common.clip(min=0).prod(axis=2)
    # Two that are nothing overlap by nothing.
    overlaps = common > threshold * (area[:, None] + area - common)
    overlaps &= labels[:, None] == labels
    kept = np.ones(len(order), dtype=bool)
    for i in range(len(order)):
        if kept[i]:
            kept[i + 1 :] &= ~overlaps[i, i + 1 :]
    return order[kept]
