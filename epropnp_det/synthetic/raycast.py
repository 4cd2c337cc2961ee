"""Casting of rays from one point at meshes above a ground plane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .mesh import Mesh
from .world import Solid

GROUND = -1
NOTHING = -2
BACKDROP = -3
CHUNK = 128  # rays that are tested against a mesh at a time, for the processor's cache


@dataclass(frozen=True)
class Hits:
    """What R rays met among B solids.

    Attributes:
        distance: (R,) metres along the ray, inf where it met nothing.
        index: (R,) the solid, ``GROUND``, ``NOTHING`` or ``BACKDROP``.
        covered: (B,) number of rays that would meet the solid were it alone.
        visible: (B,) number of rays that do meet it first.
    """

    distance: np.ndarray
    index: np.ndarray
    covered: np.ndarray
    visible: np.ndarray


def entry_distance(origin: np.ndarray, directions: np.ndarray, solid: Solid) -> np.ndarray:
    """Distance at which rays first meet a closed mesh from outside.

    Args:
        origin: (3,) common start of the rays, global frame, metres.
        directions: (R, 3) unit vectors in the global frame.
        solid: the mesh; faces that look away from ``origin`` are not met.

    Returns:
        (R,) metres, inf where the ray misses.
    """
    rotation = solid.pose[:3, :3].T
    eye = rotation @ (origin - solid.pose[:3, 3])
    low, high = solid.mesh.bounds - eye
    candidates = _near_sphere(origin, directions, solid)
    local = directions[candidates] @ rotation.T
    met = _meets_box(local, low, high)
    candidates, local = candidates[met], local[met]
    distance = np.full(len(directions), np.inf)
    inverses = _facing_triangles(eye, solid.mesh)
    for i in range(0, len(local), CHUNK):
        distance[candidates[i : i + CHUNK]] = _first_triangle(local[i : i + CHUNK], inverses)
    return distance


def _sphere(solid: Solid) -> tuple[np.ndarray, float]:
    """Centre, global, and radius of the sphere around a solid's bounding box."""
    low, high = solid.mesh.bounds
    centre = solid.pose[:3, :3] @ (low + high) / 2 + solid.pose[:3, 3]
    return centre, float(np.linalg.norm(high - low) / 2)


def _cone_test(origin: np.ndarray, directions: np.ndarray) -> Callable[[Solid], bool]:
    """A quick test that is false only for solids that none of the rays can meet."""
    axis = directions.mean(axis=0) if len(directions) else np.zeros(3)
    length = np.linalg.norm(axis)
    if length < 0.1:
        return lambda solid: True
    axis = axis / length
    spread = np.arccos(np.clip((directions @ axis).min(), -1, 1))

    def in_view(solid: Solid) -> bool:
        centre, radius = _sphere(solid)
        distance = np.linalg.norm(centre - origin)
        if distance <= radius:
            return True
        angle = np.arccos(np.clip((centre - origin) @ axis / distance, -1, 1))
        return angle <= spread + np.arcsin(radius / distance)

    return in_view


def _near_sphere(origin: np.ndarray, directions: np.ndarray, solid: Solid) -> np.ndarray:
    """Indices of the rays that meet the sphere around a solid."""
    centre, radius = _sphere(solid)
    offset = centre - origin
    beyond = offset @ offset - radius**2
    toward = directions @ offset
    return np.flatnonzero((beyond <= 0) | (toward > 0) & (toward**2 >= beyond))


def _meets_box(directions: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether rays from zero meet an axis-aligned box (slab method), (R,)."""
    with np.errstate(divide="ignore"):
        inverse = 1 / directions
    # Without the tiny margin a ray inside a slab's plane would give 0 * inf = NaN.
    one, two = (low - 1e-9) * inverse, (high + 1e-9) * inverse
    near, far = np.minimum(one, two).max(axis=1), np.maximum(one, two).min(axis=1)
    return (near <= far) & (far > 0)


def _facing_triangles(eye: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Inverses of the matrices whose columns are a triangle's corners seen from ``eye``, (3, 3, F).

    They hold the triangles whose outside is seen; the first axis numbers the corners.
    """
    corners = (mesh.vertices - eye)[mesh.faces]
    facing = np.linalg.det(corners) < -1e-9
    return np.linalg.inv(corners[facing].transpose(0, 2, 1)).transpose(1, 2, 0)


def _first_triangle(directions: np.ndarray, inverses: np.ndarray) -> np.ndarray:
    """Distance of the nearest triangle on rays from zero, (R,), inf where there is none.

    A direction is a combination of a triangle's three corners; it points into the triangle when no
    coefficient is negative, and they add up to one over the distance.
    """
    one, two, three = (directions @ inverse for inverse in inverses)
    least = np.minimum(np.minimum(one, two), three)
    nearness = np.where(least >= -1e-12, one + two + three, 0.0).max(axis=1, initial=0.0)
    with np.errstate(divide="ignore"):
        return 1 / nearness


def cast(
    origin: np.ndarray,
    directions: np.ndarray,
    solids: Sequence[Solid],
    backdrop: Sequence[Solid] = (),
) -> Hits:
    """First thing that each ray meets: a solid, the backdrop, the ground plane z = 0, or nothing.

    Args:
        origin: (3,) common start of the rays, global frame, metres.
        directions: (R, 3) unit vectors in the global frame.
        solids: B solids.
        backdrop: more solids, which hide but are not told apart.
    """
    down = directions[:, 2] < 0
    distance = np.full(len(directions), np.inf)
    distance[down] = -origin[2] / directions[down, 2]
    index = np.where(down, GROUND, NOTHING)
    covered = np.zeros(len(solids), dtype=int)
    labels = [*range(len(solids)), *(BACKDROP for _ in backdrop)]
    in_view = _cone_test(origin, directions)
    for label, solid in zip(labels, (*solids, *backdrop), strict=True):
        if not in_view(solid):
            continue
        entry = entry_distance(origin, directions, solid)
        if label != BACKDROP:
            covered[label] = np.isfinite(entry).sum()
        closer = entry < distance
        distance[closer] = entry[closer]
        index[closer] = label
    visible = np.bincount(index[index >= 0], minlength=len(solids))
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
