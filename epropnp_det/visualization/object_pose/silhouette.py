"""The outline of a model at a pose: the border of all that its triangles cover."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from ...datasets.bop import Mesh

_NEAREST = 1e-3  # metres; triangles that reach nearer, or behind the camera, are left out
_SHIFT = 4  # binary digits behind the point, as OpenCV counts
_MARGIN = 2  # cells of the raster around all triangles
_LARGEST = 1 << 20  # cells; triangles that reach farther are bent


def camera_points(pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 3) of the model's frame in the camera's, by a pose (7,), metres."""
    return points @ Rotation.from_quat(pose[3:], scalar_first=True).as_matrix().T + pose[:3]


def projected(cam2img: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) of points (..., 3) ahead of the camera, metres."""
    pixels = points @ np.asarray(cam2img, float).T
    return pixels[..., :2] / pixels[..., 2:]


def silhouette(
    mesh: Mesh,
    pose: np.ndarray,
    cam2img: np.ndarray,
    window: np.ndarray,
    cells: int = 512,
) -> list[np.ndarray]:
    """The border of a model in the image, holes included.

    The triangles are filled in a raster over the part of the window that they reach. What lies
    outside of the window is cut off, and triangles that reach behind the camera are left out.

    Args:
        mesh: the model's surface.
        pose: (7,) model to camera, metres and quaternion.
        cam2img: (3, 3) intrinsics.
        window: (4,) left, top, right and bottom of what is looked at, pixels.
        cells: of the raster along the longer side; an outline is right to one of them.

    Returns:
        Closed lines, (P, 2) pixels each; none where the model is not in the window.
    """
    points = camera_points(pose, mesh.vertices.astype(float))
    faces = mesh.faces[(points[:, 2] > _NEAREST)[mesh.faces].all(axis=1)]
    if not len(faces):
        return []
    used, faces = np.unique(faces, return_inverse=True)
    pixels, faces = projected(cam2img, points[used]), faces.reshape(-1, 3)
    window = np.asarray(window, float)
    low = np.maximum(pixels.min(axis=0), window[:2])
    high = np.minimum(pixels.max(axis=0), window[2:])
    if (high <= low).any():
        return []
    scale = cells / (high - low).max()
    triangles = ((pixels - low) * scale + _MARGIN)[faces]
    size = np.ceil((high - low) * scale).astype(int) + 2 * _MARGIN
    raster = np.zeros(size[::-1], np.uint8)
    whole = np.clip(triangles, -_LARGEST, _LARGEST) * (1 << _SHIFT)
    for triangle in whole.round().astype(np.int32):
        cv2.fillConvexPoly(raster, triangle, 255, cv2.LINE_8, _SHIFT)
    borders, _ = cv2.findContours(raster, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [(border[:, 0] - _MARGIN) / scale + low for border in borders]
