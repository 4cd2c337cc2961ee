"""Where an oriented 3D box lies in an image."""

from dataclasses import dataclass

import numpy as np
from shapely.geometry import MultiPoint, box

NEAR = 0.01
"""Depth in metres at which a box is cut before it is projected."""

# Corners are numbered by the bits of their signs: an edge joins two that differ in one bit.
_SIGNS = np.array([[(i >> axis & 1) - 0.5 for axis in range(3)] for i in range(8)])
_EDGES = np.array([(i, i | 1 << axis) for i in range(8) for axis in range(3) if not i >> axis & 1])


@dataclass(frozen=True)
class BoxProjection:
    """The part of a projected box that the image shows.

    Attributes:
        bbox: (x1, y1, x2, y2) around the visible part, pixels.
        truncation: Share of the projected area that lies outside the image, 0 to 1.
    """

    bbox: tuple[float, float, float, float]
    truncation: float


def box_corners(center: np.ndarray, size: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Corners of an oriented box.

    Args:
        center: (3,) gravity centre, metres.
        size: (3,) extents along the object's own axes, metres.
        rotation: (3, 3) object axes as columns.

    Returns:
        (8, 3) corners in the frame of ``center``; corners i and i | 1 << a share an edge along
        object axis a.

    Example:
        >>> corners = box_corners(np.array([0.0, 0, 10]), np.array([4.0, 1, 2]), np.eye(3))
        >>> corners[0], corners[7]
        (array([-2. , -0.5,  9. ]), array([ 2. ,  0.5, 11. ]))
    """
    return (_SIGNS * size) @ rotation.T + center


def project_box(
    corners: np.ndarray, cam2img: np.ndarray, image_size: tuple[int, int]
) -> BoxProjection | None:
    """Project a box and cut it to the image.

    The box is cut at the near plane first, so that one which reaches behind the camera keeps the
    outline of the part in front. The outline is the convex hull of the projected corners.

    Args:
        corners: (8, 3) corners in the camera frame, numbered as in :func:`box_corners`, metres.
        cam2img: (3, 3) pinhole matrix, pixels.
        image_size: (width, height), pixels.

    Returns:
        The visible part, or None when the image shows nothing of the box.

    Example:
        >>> corners = box_corners(np.array([0.0, 0, 10]), np.array([1.8, 1.8, 2]), np.eye(3))
        >>> camera = np.array([[90.0, 0, 0], [0, 90, 0], [0, 0, 1]])  # its axis at the corner
        >>> project_box(corners, camera, (100, 100))  # 90 * 0.9 / 9 pixels from the axis
        BoxProjection(bbox=(0.0, 0.0, 9.0, 9.0), truncation=0.75)
    """
    depth = corners[:, 2] - NEAR
    a, b = _EDGES[depth[_EDGES[:, 0]] * depth[_EDGES[:, 1]] < 0].T
    share = (depth[a] / (depth[a] - depth[b]))[:, None]
    front = np.concatenate([corners[depth >= 0], corners[a] + share * (corners[b] - corners[a])])
    if not len(front):
        return None
    pixels = front @ cam2img.T
    outline = MultiPoint(pixels[:, :2] / pixels[:, 2:]).convex_hull
    visible = outline.intersection(box(0, 0, *image_size))
    if not visible.area > 0:
        return None
    return BoxProjection(visible.bounds, max(0.0, 1 - visible.area / outline.area))
