"""What a change of the image does to everything that lies in it.

``results`` is the dict of one image that a pipeline passes on, with the keys of mmdet3d's loaders.
Pixel coordinates are those of mmdet: the top left pixel covers [0, 1) x [0, 1).
"""

import numpy as np
from mmdet3d.structures.points import CameraPoints

INSTANCE_KEYS = (
    "gt_bboxes",
    "gt_bboxes_labels",
    "gt_bboxes_3d",
    "gt_labels_3d",
    "attr_labels",
    "centers_2d",
    "depths",
)
"""The keys of ``results`` with one entry an object."""


def move_pixels(results: dict, scale: tuple[float, float], offset: tuple[float, float]) -> None:
    """Follow the pixel map (u, v) -> scale * (u, v) + offset with the camera and 2D annotations.

    ``cam2img`` becomes a new (3, 3) float64 array and ``ori_cam2img`` keeps the first one. A
    negative scale mirrors the camera; the caller mirrors the world.

    Args:
        results: Edited: ``cam2img``, ``ori_cam2img`` and, where present, ``gt_bboxes`` (N, 4),
            ``centers_2d`` (N, 2).
        scale: Factors of u and v.
        offset: Shifts of u and v, pixels.
    """
    cam2img = np.array(results["cam2img"], dtype=np.float64)
    results.setdefault("ori_cam2img", cam2img)
    results["cam2img"] = np.diag([*scale, 1.0]) @ cam2img
    results["cam2img"][:2, 2] += offset
    if "centers_2d" in results:
        results["centers_2d"] = _affine(results["centers_2d"], scale, offset)
    if "gt_bboxes" in results:
        ends = _affine(results["gt_bboxes"].reshape(-1, 2, 2), scale, offset)
        results["gt_bboxes"] = np.concatenate([ends.min(axis=1), ends.max(axis=1)], axis=1)


def keep_instances(results: dict, keep: np.ndarray) -> None:
    """Keep the objects of a boolean mask (N,) in every key that has one entry an object."""
    for key in INSTANCE_KEYS:
        if key in results:
            results[key] = results[key][keep]


def points_in_image(points: CameraPoints, results: dict) -> CameraPoints:
    """The points (M, 3), camera frame, in front of the camera that project into the image."""
    xyz = points.coord.numpy().astype(np.float64)
    in_front = xyz[:, 2] > 0
    pixels = xyz @ np.asarray(results["cam2img"], dtype=np.float64)[:3, :3].T
    height, width = results["img_shape"][:2]
    # Compared after multiplying by the depth, which may be zero.
    limit = xyz[:, 2:] * (width, height)
    return points[in_front & ((pixels[:, :2] >= 0) & (pixels[:, :2] < limit)).all(axis=1)]


def _affine(pixels: np.ndarray, scale: tuple, offset: tuple) -> np.ndarray:
    return (pixels * np.array(scale) + np.array(offset)).astype(pixels.dtype)
