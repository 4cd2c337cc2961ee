"""Where oriented 3D boxes lie in an image."""

from dataclasses import dataclass

import numpy as np

NEAR = 0.01
"""Depth in metres at which a box is cut before it is projected."""

# Corners are numbered by the bits of their signs: an edge joins two that differ in one bit.
_SIGNS = np.array([[(i >> axis & 1) - 0.5 for axis in range(3)] for i in range(8)])
_EDGES = np.array([(i, i | 1 << axis) for i in range(8) for axis in range(3) if not i >> axis & 1])

_ROOM = 9
"""Vertices of a face: its four corners, and at most one more for each of the five cuts."""
_NEXT = np.arange(1, _ROOM + 1) % _ROOM


def _ring(axis: int, end: int) -> list[int]:
    """The way around a face: a corner, the edge that leaves it, and so on to the first corner.

    Edges are numbered behind the eight corners. Seen from outside, all faces turn the same way.
    """
    numbers = {frozenset(edge): 8 + n for n, edge in enumerate(_EDGES.tolist())}
    b, c = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
    corners = [i | end << axis for i in (0, b, b | c, c)][:: 1 if end else -1]
    edges = [numbers[frozenset((corners[i - 1], corners[i]))] for i in (1, 2, 3, 0)]
    return [number for pair in zip(corners, edges, strict=True) for number in pair] + corners[:1]


_RINGS = np.array([_ring(axis, end) for axis in range(3) for end in range(2)])


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
    """Corners of oriented boxes, of one or of many at once.

    Args:
        center: (..., 3) gravity centre, metres.
        size: (..., 3) extents along the object's own axes, metres.
        rotation: (..., 3, 3) object axes as columns.

    Returns:
        (..., 8, 3) corners in the frame of ``center``; corners i and i | 1 << a share an edge along
        object axis a.

    Example:
        >>> corners = box_corners(np.array([0.0, 0, 10]), np.array([4.0, 1, 2]), np.eye(3))
        >>> corners[0], corners[7]
        (array([-2. , -0.5,  9. ]), array([ 2. ,  0.5, 11. ]))
    """
    return _SIGNS * size[..., None, :] @ rotation.swapaxes(-1, -2) + center[..., None, :]


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
    return project_boxes(corners[None], cam2img, image_size)[0]


def project_boxes(
    corners: np.ndarray, cam2img: np.ndarray, image_size: tuple[int, int]
) -> list[BoxProjection | None]:
    """Project all boxes of an image at once; see :func:`project_box`.

    Args:
        corners: (N, 8, 3) corners in the camera frame, numbered as in :func:`box_corners`, metres.
        cam2img: (3, 3) pinhole matrix, pixels.
        image_size: (width, height), pixels.

    Returns:
        Of each box the visible part, or None when the image shows nothing of it.
    """
    points = _in_front(corners) @ cam2img.T
    pixels = points[..., :2] / points[..., 2:]
    reached = (np.fmax.reduce(pixels, 1) > 0) & (np.fmin.reduce(pixels, 1) < image_size)
    found = reached.all(axis=1).nonzero()[0]

    # Outlines differ in their number of corners, faces do not: so all of these are cut at once.
    whole = shown = _packed(pixels[found[:, None, None], _RINGS])
    for axis, length in enumerate(image_size):
        shown = _cut(_cut(shown, axis, 0, 1), axis, length, -1)
    area, full = _outline_area(shown), _outline_area(whole)
    truncation = np.fmax(1 - area / np.where(full > 0, full, 1), 0)
    bounds = np.hstack([f.reduce(shown, (1, 2)).clip(0, image_size) for f in (np.fmin, np.fmax)])

    projections: list[BoxProjection | None] = [None] * len(corners)
    for i in (area > 0).nonzero()[0]:
        projections[found[i]] = BoxProjection(tuple(bounds[i].tolist()), float(truncation[i]))
    return projections


def _in_front(corners: np.ndarray) -> np.ndarray:
    """(N, 20, 3) corners that the near plane leaves, and where it cuts edges; others are NaN."""
    depth = corners[..., 2] - NEAR
    a, b = _EDGES.T
    crosses = depth[:, a] * depth[:, b] < 0
    share = np.where(crosses, depth[:, a], np.nan) / (depth[:, a] - depth[:, b])
    crossings = corners[:, a] + share[..., None] * (corners[:, b] - corners[:, a])
    return np.hstack([np.where((depth >= 0)[..., None], corners, np.nan), crossings])


def _packed(polygons: np.ndarray) -> np.ndarray:
    """Polygons (..., _ROOM, 2) from more vertices, of which those that are not there are NaN.

    The first vertex fills the room behind the last one; so it may stand there before, too.
    """
    gone = np.isnan(polygons).any(-1)
    order = np.argsort(gone, axis=-1, kind="stable")[..., :_ROOM]
    fill = np.take_along_axis(gone, order, axis=-1)
    return np.take_along_axis(polygons, np.where(fill, order[..., :1], order)[..., None], axis=-2)


def _cut(polygons: np.ndarray, axis: int, border: float, sign: int) -> np.ndarray:
    """Keep of convex polygons (..., _ROOM, 2) what lies on one side of a border, pixels.

    Nothing, which is NaN, remains of those beyond it.
    """
    side = sign * (polygons[..., axis] - border)
    beyond = (side < 0).any(-1)
    cut, side = polygons[beyond], side[beyond]
    following, next_side = cut[:, _NEXT], side[:, _NEXT]
    inside = side >= 0
    crosses = inside != (next_side >= 0)
    share = np.where(crosses, side, np.nan) / (side - next_side)
    crossings = cut + share[..., None] * (following - cut)
    crossings[..., axis] = border
    kept = np.where(inside[..., None], cut, np.nan)
    polygons = polygons.copy()
    polygons[beyond] = _packed(np.stack([kept, crossings], axis=2).reshape(-1, 2 * _ROOM, 2))
    return polygons


def _outline_area(faces: np.ndarray) -> np.ndarray:
    """(N,) area of the outlines of boxes whose faces (N, 6, vertices, 2) are given.

    The faces on the far side tile the outline. So do those on the near side, unless the near plane
    has cut them, and they turn the other way.
    """
    x, y = np.moveaxis(faces - faces[..., :1, :], -1, 0)
    twice = (x[..., :-1] * y[..., 1:] - y[..., :-1] * x[..., 1:]).sum(-1)
    return np.maximum(*(np.fmax(sign * twice, 0).sum(-1) for sign in (1, -1))) / 2
