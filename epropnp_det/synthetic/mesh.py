"""Triangle meshes made of convex parts: boxes, frustums, prisms and wheels.

Frame of every part: metres, x to the front, y to the left, z up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Colour = tuple[float, float, float]  # linear RGB reflectance, 0..1
Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Coloured triangles that are counter-clockwise seen from outside.

    Attributes:
        vertices: (V, 3) metres.
        faces: (F, 3) indices of vertices.
        colours: (F, 3) linear RGB reflectance.
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray

    def moved(self, pose: np.ndarray) -> Mesh:
        """The mesh after the rigid transform ``pose``, (4, 4)."""
        return Mesh(self.vertices @ pose[:3, :3].T + pose[:3, 3], self.faces, self.colours)

    @cached_property
    def bounds(self) -> np.ndarray:
        """Least and greatest coordinates, (2, 3)."""
        return np.stack([self.vertices.min(0), self.vertices.max(0)])


def join(meshes: Iterable[Mesh]) -> Mesh:
    """One mesh of all the triangles of at least one mesh."""
    meshes = list(meshes)
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]),
        np.concatenate([mesh.colours for mesh in meshes]),
    )


def loft(one: np.ndarray, other: np.ndarray, colour: Colour) -> Mesh:
    """The convex solid between two convex polygons of N corresponding corners, (N, 3) each."""
    count = len(one)
    i = np.arange(count)
    j = (i + 1) % count
    fan = np.stack([np.zeros(count - 2, int), i[1:-1], i[2:]], -1)
    faces = np.concatenate(
        [
            np.stack([i, j, j + count], -1),
            np.stack([i, j + count, i + count], -1),
            fan[:, ::-1],
            fan + count,
        ]
    )
    vertices = np.concatenate([one, other]).astype(float)
    corners = vertices[faces] - vertices.mean(0)
    volume = np.linalg.det(corners).sum()
    if volume < 0:
        faces = faces[:, ::-1]
    return Mesh(vertices, faces, np.tile(np.asarray(colour, float), (len(faces), 1)))


def box(x: Range, y: Range, z: Range, colour: Colour) -> Mesh:
    """A box that spans three ranges."""
    return frustum((*x, *y), (*x, *y), z, colour)


def frustum(base: Sequence[float], top: Sequence[float], z: Range, colour: Colour) -> Mesh:
    """The solid between two level rectangles (x0, x1, y0, y1) at heights ``z``."""
    return loft(_rectangle(base, z[0]), _rectangle(top, z[1]), colour)


def prism(profile: Sequence[tuple[float, float]], y: Range, colour: Colour) -> Mesh:
    """A convex side view, N points (x, z), drawn out over the range ``y``."""
    x, z = np.transpose(profile)
    return loft(*(np.stack([x, np.full(len(x), side), z], -1) for side in y), colour)


def wheel(x: float, radius: float, y: Range, colour: Colour, z: float | None = None) -> Mesh:
    """An upright disc about an axle along y at (x, z); by default it stands on z = 0."""
    centre = radius if z is None else z
    return prism(circle(12) * radius + (x, centre), y, colour)


def cone(
    centre: tuple[float, float], radii: Range, z: Range, colour: Colour, sides: int = 8
) -> Mesh:
    """An upright cone, cut at heights ``z`` where it has ``radii``; equal radii: a cylinder."""
    rim = circle(sides)
    rings = [
        np.column_stack([rim * radius + centre, np.full(sides, height)])
        for radius, height in zip(radii, z, strict=True)
    ]
    return loft(*rings, colour)


def circle(sides: int) -> np.ndarray:
    """Corners of a regular polygon in the unit circle, (sides, 2); some lie on both axes.

    Args:
        sides: a multiple of four, so that the polygon is as wide as the circle both ways.
    """
    angle = 2 * np.pi * np.arange(sides) / sides
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _rectangle(sides: Sequence[float], z: float) -> np.ndarray:
    x0, x1, y0, y1 = sides
    return np.array([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)])
