"""Solids as signed distance functions: parts that blend into one body without inner surfaces.

A solid is a function of points (N, 3), metres, whose values (N,) are negative inside and positive
outside, and change by at most the distance between two points. Formulas: Inigo Quilez, "Distance
functions", https://iquilezles.org/articles/distfunctions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

Solid = Callable[[np.ndarray], np.ndarray]
Triple = Sequence[float]


def ellipsoid(radii: Triple) -> Solid:
    """An ellipsoid about the origin; its values are right near the surface and never too large."""
    radii = np.asarray(radii, float)
    least = radii.min()

    def distance(points: np.ndarray) -> np.ndarray:
        return (_length(points / radii) - 1) * least

    return distance


def box(size: Triple, rounding: float) -> Solid:
    """A box of full size ``size`` about the origin, whose edges are rounded."""
    half = np.asarray(size, float) / 2 - rounding

    def distance(points: np.ndarray) -> np.ndarray:
        return _corner(np.abs(points) - half) - rounding

    return distance


def cylinder(radius: float, height: float, rounding: float) -> Solid:
    """A cylinder about the z axis and the origin, whose rims are rounded."""
    half = np.array([radius, height / 2]) - rounding

    def distance(points: np.ndarray) -> np.ndarray:
        return _corner(np.abs(about_z(points)) - half) - rounding

    return distance


def capsule(one: Triple, other: Triple, radii: tuple[float, float]) -> Solid:
    """A limb between two points, with a radius at each."""
    one, step = np.asarray(one, float), np.subtract(other, one)
    slope = (radii[1] - radii[0]) / np.linalg.norm(step)
    steepness = np.sqrt(1 + slope**2)

    def distance(points: np.ndarray) -> np.ndarray:
        along = np.clip((points - one) @ step / (step @ step), 0, 1)
        away = _length(points - one - along[:, None] * step)
        return (away - radii[0] - along * (radii[1] - radii[0])) / steepness

    return distance


def ring(radius: float, thickness: float) -> Solid:
    """A torus about the z axis: the circle of ``radius``, as thick as the radius ``thickness``."""

    def distance(points: np.ndarray) -> np.ndarray:
        return _length(about_z(points) - (radius, 0)) - thickness

    return distance


def turned(profile: Sequence[tuple[float, float]]) -> Solid:
    """A solid of revolution about the z axis.

    Args:
        profile: (height, radius) pairs with rising heights; the outline between them is straight,
            and the ends are flat.
    """
    heights, radii = np.transpose(profile)
    steepness = np.sqrt(1 + np.max(np.abs(np.diff(radii) / np.diff(heights))) ** 2)

    def distance(points: np.ndarray) -> np.ndarray:
        radius, z = about_z(points).T
        side = (radius - np.interp(z, heights, radii)) / steepness
        return _corner(np.stack([side, np.maximum(heights[0] - z, z - heights[-1])], -1))

    return distance


def rounded(solid: Solid, by: float) -> Solid:
    """The solid with a skin of thickness ``by``, which rounds its edges."""
    return lambda points: solid(points) - by


def hollow(solid: Solid, cavity: Solid, blend: float) -> Solid:
    """The solid without the cavity; the rim between them is rounded over ``blend``."""
    return lambda points: -_smooth_least(-solid(points), cavity(points), blend)


def joined(solids: Sequence[Solid], blend: float) -> Solid:
    """Union of solids whose seams are filled over a width of ``blend``, at least 0."""
    return lambda points: reduce(
        lambda one, other: _smooth_least(one, other, blend), (solid(points) for solid in solids)
    )


def moved(solid: Solid, by: Triple, rotation: np.ndarray | None = None) -> Solid:
    """The solid rotated by a matrix (3, 3) and then translated."""
    by = np.asarray(by, float)
    rotation = np.eye(3) if rotation is None else rotation
    return lambda points: solid((points - by) @ rotation)


def about_z(points: np.ndarray) -> np.ndarray:
    """Distance from the z axis, and z, of points (N, 3): (N, 2)."""
    return np.stack([np.hypot(points[:, 0], points[:, 1]), points[:, 2]], -1)


def gradient(solid: Solid, points: np.ndarray, step: float) -> np.ndarray:
    """Gradient at points (N, 3) by central differences, (N, 3)."""
    offsets = np.eye(3) * step
    sides = [solid(points + offset) - solid(points - offset) for offset in offsets]
    return np.stack(sides, -1) / (2 * step)


def _corner(outside: np.ndarray) -> np.ndarray:
    """Distance to the corner at the origin of the negative orthant, (N, D) to (N,)."""
    beyond = _length(np.maximum(outside, 0))
    return beyond + np.minimum(reduce(np.maximum, outside.T), 0)


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))


def _smooth_least(one: np.ndarray, other: np.ndarray, blend: float) -> np.ndarray:
    least = np.minimum(one, other)
    if blend <= 0:
        return least
    overlap = np.maximum(blend - np.abs(one - other), 0)
    return least - overlap**2 / (4 * blend)
