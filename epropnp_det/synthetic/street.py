"""What stands beside the road: cones, barriers, signs, buildings, trees, lamps; and the ground.

Every function but ``ground`` returns the parts of an object of ``size`` (length, width, height) in
metres that stands on z = 0 about the origin and touches all six faces of its box.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .mesh import Colour, Mesh, box, cone, join
from .vehicles import CHASSIS, Size

WHITE = (0.85, 0.85, 0.82)
PANE = (0.06, 0.08, 0.11)
BARK = (0.10, 0.06, 0.035)
POST = (0.30, 0.31, 0.32)

GROUND_EXTENT = 400.0  # metres of ground around the driven stretch
MARKED = 150.0  # metres of it that have broken lines
DASH, DASH_STEP = 3.0, 9.0
# Offsets (from, to) from the road's centre line and reflectance of strips along the road, each
# drawn over those before it.
STRIPS = (
    (-GROUND_EXTENT, GROUND_EXTENT, (0.14, 0.19, 0.07)),
    (-24.0, 24.0, (0.27, 0.25, 0.23)),
    (-12.2, 12.2, (0.45, 0.44, 0.42)),
    (-11.9, 11.9, (0.085, 0.085, 0.09)),
    (-0.25, -0.1, (0.70, 0.50, 0.06)),
    (0.1, 0.25, (0.70, 0.50, 0.06)),
    (-7.55, -7.4, WHITE),
    (7.4, 7.55, WHITE),
)
BROKEN_LINES = (-3.8, 3.8)
STRIP_STEP = 0.002  # metres between strips, below the gap that objects keep from the ground


def traffic_cone(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """A cone with two bands of colour ``accent`` on a square foot."""
    length, width, height = size
    foot = 0.05 * height
    yield box((-length / 2, length / 2), (-width / 2, width / 2), (0.0, foot), CHASSIS)
    radius = 0.42 * min(length, width)
    cuts = np.array([0.0, 0.28, 0.45, 0.6, 0.77, 1.0])
    radii, heights = radius * (1 - 0.85 * cuts), foot + (height - foot) * cuts
    for i in range(len(cuts) - 1):
        yield cone(
            (0.0, 0.0),
            (radii[i], radii[i + 1]),
            (heights[i], heights[i + 1]),
            accent if i % 2 else paint,
        )


def barrier(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """Two striped boards on feet; the long side is the width."""
    length, width, height = size
    stripes = max(4, round(width / 0.3))
    edges = np.linspace(-width / 2, width / 2, stripes + 1)
    thick = 0.12 * length
    for row, z in enumerate(((0.28 * height, 0.52 * height), (0.68 * height, height))):
        for i in range(stripes):
            colour = accent if (i + row) % 2 else paint
            yield box((-thick, thick), (edges[i], edges[i + 1]), z, colour)
    for y in (-0.4 * width, 0.4 * width):
        yield box((-length / 2, length / 2), (y - 0.05, y + 0.05), (0.0, 0.08 * height), CHASSIS)
        yield box((-0.8 * thick, 0.8 * thick), (y - 0.04, y + 0.04), (0.0, 0.7 * height), CHASSIS)


def traffic_sign(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """A square plate with a rim of colour ``accent``, whose back is plain, on a post."""
    length, width, height = size
    back, front = -length / 2, length / 2
    post = min(0.04, length / 4)
    yield cone((back + post, 0.0), (post, post), (0.0, height - 0.02), POST)
    low, inner = height - width, 0.36 * width
    yield box((back, front - 0.01), (-width / 2, width / 2), (low, height), POST)
    yield box((front - 0.02, front - 0.005), (-width / 2, width / 2), (low, height), accent)
    middle = height - width / 2
    yield box((front - 0.01, front), (-inner, inner), (middle - inner, middle + inner), paint)


def building(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """A block with windows towards the street (x) and shops of colour ``accent`` below them."""
    length, width, height = size
    front = length / 2
    yield box(
        (-front, front - 0.1), (-width / 2 + 0.1, width / 2 - 0.1), (0.0, height - 0.4), paint
    )
    yield box((-front, front), (-width / 2, width / 2), (height - 0.4, height), accent)
    yield box((0.0, front), (-width / 2, width / 2), (3.3, 3.7), accent)
    floors, columns = max(1, int((height - 4.5) / 3)), max(2, int(width / 2.6))
    step = width / columns
    for column in range(columns):
        y = -width / 2 + (column + 0.5) * step
        shop = (y - 0.42 * step, y + 0.42 * step)
        yield box((0.0, front - 0.06), shop, (0.5, 3.0), PANE)
        for floor in range(floors):
            z = 4.5 + 3 * floor
            yield box((0.0, front - 0.06), (y - 0.28 * step, y + 0.28 * step), (z, z + 1.7), PANE)


def tree(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """A crown with two tones of green on a bare trunk."""
    length, width, height = size
    yield cone((0.0, 0.0), (0.14, 0.1), (0.0, 0.5 * height), BARK)
    radius = min(length, width) / 2
    cuts = ((0.35, 0.45), (0.48, 0.95), (0.65, 1.0), (0.85, 0.75), (1.0, 0.2))
    for (z0, r0), (z1, r1), colour in zip(
        cuts, cuts[1:], (accent, paint, paint, accent), strict=False
    ):
        yield cone((0.0, 0.0), (r0 * radius, r1 * radius), (z0 * height, z1 * height), colour)


def lamp(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """A street lamp whose arm reaches to the front."""
    length, width, height = size
    foot = -length / 2 + width / 2
    yield cone((foot, 0.0), (width / 2, width / 3), (0.0, height), paint)
    yield box((foot, length / 2), (-width / 4, width / 4), (height - 0.12, height), paint)
    yield box(
        (0.2 * length, length / 2), (-width / 2, width / 2), (height - 0.2, height - 0.1), accent
    )


def ground(length: float) -> Mesh:
    """The ground around ``length`` metres of road, in the road's frame (x along it)."""
    ends = (-GROUND_EXTENT, length + GROUND_EXTENT)
    strips = [
        _strip(ends, y, level * STRIP_STEP, colour) for level, (*y, colour) in enumerate(STRIPS)
    ]
    top = (len(STRIPS) - 1) * STRIP_STEP
    dashes = [
        _strip((x, x + DASH), (y - 0.08, y + 0.08), top, WHITE)
        for y in BROKEN_LINES
        for x in np.arange(-MARKED, length + MARKED, DASH_STEP)
    ]
    return join(strips + dashes)


def _strip(x: tuple[float, float], y: tuple[float, float], z: float, colour: Colour) -> Mesh:
    corners = [(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)]
    return Mesh(np.array(corners), np.array([(0, 1, 2), (0, 2, 3)]), np.tile(colour, (2, 1)))
