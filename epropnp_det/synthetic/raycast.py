"""Closed-form casting of rays at oriented boxes above a ground plane."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .world import Box

GROUND = -1
NOTHING = -2


@dataclass(frozen=True)
class Hits:
    """What R rays met among B boxes.

    Attributes:
        distance: (R,) metres along the ray, inf where it met nothing.
        index: (R,) the box, ``GROUND`` or ``NOTHING``.
        covered: (B,) number of rays that would meet the box were it alone.
        visible: (B,) number of rays that do meet it first.
    """

    distance: np.ndarray
    index: np.ndarray
    covered: np.ndarray
    visible: np.ndarray


def entry_distance(origin: np.ndarray, directions: np.ndarray, box: Box) -> np.ndarray:
    """Distance at which rays enter a box (slab method).

    Args:
        origin: (3,) common start of the rays, global frame, metres.
        directions: (R, 3) unit vectors in the global frame.
        box: the box; a ray that starts inside it counts as a miss.

    Returns:
        (R,) metres, inf where the ray misses.
    """
    offset = box.pose[:3, 3] - origin
    half = np.divide(box.size, 2)
    # Most rays miss the box's sphere: a quarter of the work of the exact test.
    toward = directions @ offset
    candidates = np.flatnonzero((toward > 0) & (toward**2 >= offset @ offset - half @ half))
    rotation = box.pose[:3, :3].T
    start = -rotation @ offset
    with np.errstate(divide="ignore"):
        inverse = 1 / (rotation @ directions[candidates].T)
    # Without the tiny shift a ray inside a slab's plane would give 0 * inf = NaN.
    one = (-half - start + 1e-12)[:, None] * inverse
    two = (half - start + 1e-12)[:, None] * inverse
    near = np.minimum(one, two).max(axis=0)
    far = np.maximum(one, two).min(axis=0)
    met = (near > 0) & (near <= far)
    distance = np.full(len(directions), np.inf)
    distance[candidates[met]] = near[met]
    return distance


def cast(origin: np.ndarray, directions: np.ndarray, boxes: Sequence[Box]) -> Hits:
    """First thing that each ray meets: a box, the ground plane z = 0, or nothing.

    Args:
        origin: (3,) common start of the rays, global frame, metres.
        directions: (R, 3) unit vectors in the global frame.
        boxes: B boxes.
    """
    down = directions[:, 2] < 0
    distance = np.full(len(directions), np.inf)
    distance[down] = -origin[2] / directions[down, 2]
    index = np.where(down, GROUND, NOTHING)
    covered = np.zeros(len(boxes), dtype=int)
    for i, box in enumerate(boxes):
        entry = entry_distance(origin, directions, box)
        covered[i] = np.isfinite(entry).sum()
        closer = entry < distance
        distance[closer] = entry[closer]
        index[closer] = i
    visible = np.bincount(index[index >= 0], minlength=len(boxes))
    return Hits(distance, index, covered, visible)


def pixel_directions(
    intrinsic: np.ndarray, image_size: tuple[int, int], rotation: np.ndarray
) -> np.ndarray:
    """Unit rays through the pixel centres of a camera, row by row.

    Args:
        intrinsic: (3, 3) camera matrix.
        image_size: (width, height) in pixels.
        rotation: (3, 3) camera to global.

    Returns:
        (height * width, 3) in the global frame.
    """
    width, height = image_size
    v, u = np.mgrid[:height, :width] + 0.5
    pixels = np.stack([u, v, np.ones_like(u)], -1).reshape(-1, 3)
    rays = pixels @ np.linalg.inv(intrinsic).T @ rotation.T
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)
