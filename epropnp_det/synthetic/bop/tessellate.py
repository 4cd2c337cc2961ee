"""Triangles on the surface of a solid, all of about one size, by surface nets.

S. Gibson, "Constrained elastic surface nets", MICCAI 1998: a vertex in every cell of a grid that
the surface crosses, a quadrilateral around every edge that it crosses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .solid import Solid, gradient

# Cells along the side of a block; those of blocks far from the surface are not looked at.
BLOCK = 8
PROJECTIONS = 3
CROSSINGS = (0.2, 0.8)  # of an edge, where the first guess of a vertex may see them


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles that are counter-clockwise seen from outside.

    Attributes:
        vertices: (V, 3) metres.
        faces: (F, 3) indices of vertices.
        normals: (V, 3) unit vectors that point outside.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray


def tessellate(solid: Solid, half_size: np.ndarray, step: float) -> Surface:
    """The surface of a solid that lies within a box about the origin.

    The grid is mirrored in all three coordinate planes, and so are the vertices where the solid is.

    Args:
        solid: its features are wider than ``step``.
        half_size: (3,) metres, half of that box.
        step: side of a cell, metres; triangles are about as long.
    """
    blocks = np.ceil(np.asarray(half_size) / (BLOCK * step) + 1e-9).astype(int) * 2
    axes = [step * (np.arange(BLOCK * count + 1) - BLOCK * count / 2) for count in blocks]
    inside, values = _sample(solid, axes, blocks, step)
    _part_sheets(inside, values)
    cells = _crossed_cells(inside)
    vertices = _centres(values, inside, cells, axes, step)
    for _ in range(PROJECTIONS):
        slope = gradient(solid, vertices, step / 50)
        steepness = np.maximum((slope**2).sum(1), 0.1)
        shift = np.clip(solid(vertices) / steepness, -step, step)
        vertices = vertices - shift[:, None] * slope
    normals = gradient(solid, vertices, step / 4)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Surface(vertices, _triangles(inside, cells, vertices), normals)


def _sample(
    solid: Solid, axes: list[np.ndarray], blocks: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Whether grid points are inside, and the distance at those near the surface (inf else)."""
    middles = [axis[BLOCK // 2 :: BLOCK] for axis in axes]
    at = solid(np.stack(np.meshgrid(*middles, indexing="ij"), -1).reshape(-1, 3)).reshape(blocks)
    near = np.abs(at) <= np.sqrt(3) * step * (BLOCK / 2 + 1)
    wide = np.zeros([len(axis) for axis in axes], bool)
    inside = wide.copy()
    for block in np.ndindex(*blocks):
        place = tuple(slice(BLOCK * i, BLOCK * (i + 1) + 1) for i in block)
        wide[place] |= near[block]
        if not near[block]:
            inside[place] = at[block] < 0
    values = np.full(wide.shape, np.inf)
    points = np.stack([axis[i] for axis, i in zip(axes, np.nonzero(wide), strict=True)], -1)
    values[wide] = solid(points)
    inside[wide] = values[wide] < 0
    return inside, values


def _part_sheets(inside: np.ndarray, values: np.ndarray) -> None:
    """Leave no face of a cell whose diagonals are one inside and one outside, in place.

    There, two sheets of the surface would share an edge. They are parted by the corner outside that
    is nearest to the surface, which counts as inside.
    """
    steps = np.eye(3, dtype=int)
    found = True
    while found:
        found = False
        for axis in range(3):
            one, other = np.delete(steps, axis, axis=0)
            corners = np.array([0 * one, one, one + other, other])
            a, b, c, d = (inside[_face(corner, one + other)] for corner in corners)
            for face in np.argwhere((a == c) & (b == d) & (a != b)):
                around = [tuple(face + corner) for corner in corners]
                outside = [corner for corner in around if not inside[corner]]
                if len(outside) == 2:  # else an earlier face has changed it
                    inside[min(outside, key=lambda corner: values[corner])] = found = True


def _crossed_cells(inside: np.ndarray) -> np.ndarray:
    """Lowest corners of the cells that have corners on both sides, (C, 3)."""
    count = np.zeros(np.subtract(inside.shape, 1), int)
    for corner in np.ndindex(2, 2, 2):
        count += inside[_face(corner, (1, 1, 1))]
    return np.argwhere((count > 0) & (count < 8))


def _centres(
    values: np.ndarray, inside: np.ndarray, cells: np.ndarray, axes: list[np.ndarray], step: float
) -> np.ndarray:
    """Mean of the points where the surface crosses the edges of each cell, (C, 3)."""
    total = np.zeros(cells.shape)
    count = np.zeros(len(cells))
    for axis, (a, b) in _edges():
        one, other = cells + a, cells + b
        at_one, at_other = values[tuple(one.T)], values[tuple(other.T)]
        crossed = inside[tuple(one.T)] != inside[tuple(other.T)]
        point = np.tile(a.astype(float), (crossed.sum(), 1))
        share = at_one[crossed] / (at_one[crossed] - at_other[crossed])
        # Vertices of neighbouring cells do not meet where the surface passes through a corner.
        point[:, axis] = np.clip(share, *CROSSINGS)
        total[crossed] += point
        count += crossed
    lowest = np.stack([axis[i] for axis, i in zip(axes, cells.T, strict=True)], -1)
    return lowest + step * total / count[:, None]


def _triangles(inside: np.ndarray, cells: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Two triangles around every edge of the grid that the surface crosses, (F, 3)."""
    number = np.full(inside.shape, -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    quads = []
    for axis in range(3):
        one, other = np.roll(np.eye(3, dtype=int), -axis, axis=0)[1:]
        ahead = np.take(inside, range(1, inside.shape[axis]), axis)
        behind = np.take(inside, range(inside.shape[axis] - 1), axis)
        edges = np.argwhere(behind != ahead)
        around = [number[tuple((edges - a).T)] for a in (0, one, one + other, other)]
        quad = np.stack(around, -1)
        outwards = behind[tuple(edges.T)]
        quads.append(np.where(outwards[:, None], quad, quad[:, ::-1]))
    quads = np.concatenate(quads)
    corners = vertices[quads]
    diagonals = np.linalg.norm(corners[:, :2] - corners[:, 2:], axis=-1)
    turned = np.where((diagonals[:, 0] <= diagonals[:, 1])[:, None], quads, np.roll(quads, -1, 1))
    return np.concatenate([turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]])


def _edges() -> list[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """The twelve edges of a cell: the axis along which they run, and their corners."""
    steps = np.eye(3, dtype=int)
    return [
        (axis, (corner, corner + steps[axis]))
        for axis in range(3)
        for corner in map(np.array, np.ndindex(2, 2, 2))
        if corner[axis] == 0
    ]


def _face(corner: Sequence[int], spans: Sequence[int]) -> tuple[slice, ...]:
    """The grid points that are a given corner of cells, or of faces, which span some axes."""
    return tuple(
        (slice(1, None) if one else slice(None, -1)) if spanned else slice(None)
        for one, spanned in zip(corner, spans, strict=True)
    )
