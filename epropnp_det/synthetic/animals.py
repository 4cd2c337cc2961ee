"""Animals that stand, filling their box.

The function returns the parts of an object of ``size`` (length, width, height) in metres that
stands on z = 0 about the origin and touches all six faces of its box.
"""

from __future__ import annotations

from collections.abc import Iterator

from .mesh import Colour, Mesh, box, frustum
from .vehicles import Size


def animal(size: Size, coat: Colour, dark: Colour) -> Iterator[Mesh]:
    """Four legs, a body, a head that is held up in front, and a tail."""
    length, width, height = size
    back, front = -length / 2, length / 2
    belly, top = 0.5 * height, 0.8 * height
    chest = 0.22 * length
    leg = 0.07 * length
    for x in (back + 0.12 * length, chest - leg):
        for y in (-0.42 * width, 0.42 * width - leg):
            yield box((x, x + leg), (y, y + leg), (0.0, belly), dark)
    yield box((back + 0.08 * length, chest), (-width / 2, width / 2), (belly, top), coat)
    neck = (chest - 0.1 * length, chest, -0.2 * width, 0.2 * width)
    nape = (chest + 0.02 * length, chest + 0.12 * length, -0.16 * width, 0.16 * width)
    yield frustum(neck, nape, (0.68 * height, 0.9 * height), coat)
    yield box((chest, front), (-0.2 * width, 0.2 * width), (0.84 * height, 0.97 * height), coat)
    for y in (-0.18 * width, 0.1 * width):
        ear = (chest + 0.01 * length, chest + 0.06 * length)
        yield box(ear, (y, y + 0.08 * width), (0.95 * height, height), dark)
    tail = (back, back + 0.1 * length)
    yield box(tail, (-0.05 * width, 0.05 * width), (0.55 * height, 0.78 * height), dark)
