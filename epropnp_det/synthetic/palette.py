"""Colours that objects of a kind come in; linear RGB reflectance."""

from __future__ import annotations

import numpy as np

from .mesh import Colour

_WHITE = (0.75, 0.75, 0.74)
_SILVER = (0.42, 0.43, 0.45)
_GREY = (0.13, 0.13, 0.14)
_BLACK = (0.02,) * 3
_RED = (0.45, 0.02, 0.02)
_BLUE = (0.04, 0.13, 0.45)
_NAVY = (0.02, 0.04, 0.14)
_GREEN = (0.04, 0.2, 0.07)
_BEIGE = (0.45, 0.36, 0.24)
_BROWN = (0.12, 0.06, 0.03)
_YELLOW = (0.75, 0.45, 0.02)
_ORANGE = (0.75, 0.16, 0.01)
_PLASTER = (0.50, 0.46, 0.38)
_BRICK = (0.27, 0.10, 0.06)
_SAND = (0.42, 0.33, 0.21)
_STONE = (0.32, 0.32, 0.31)
_CLOTHES = (_WHITE, _GREY, _BLACK, _RED, _BLUE, _GREEN, _BEIGE, _YELLOW)
_TROUSERS = (_NAVY, _BLACK, _GREY, _BEIGE, _BROWN)
_CYCLES = (_RED, _BLUE, _BLACK, _GREEN, _SILVER, _ORANGE)

# Name: what the main colour and the accent are drawn from.
PALETTES: dict[str, tuple[tuple[Colour, ...], tuple[Colour, ...]]] = {
    "car": (
        (_WHITE, _WHITE, _SILVER, _SILVER, _GREY, _GREY, _BLACK, _RED, _BLUE, _NAVY, _BEIGE),
        ((0.03,) * 3, (0.08,) * 3),
    ),
    "truck": ((_WHITE, _WHITE, _RED, _BLUE, _YELLOW, _GREEN), (_WHITE, _SILVER, _BEIGE, _GREY)),
    "trailer": ((_WHITE, _SILVER, _BLUE, _RED, _BROWN, _GREEN), (_WHITE, _SILVER)),
    "bus": ((_WHITE, _RED, _YELLOW, _BLUE, _GREEN), (_WHITE, _GREY, _NAVY)),
    "construction_vehicle": ((_YELLOW, _YELLOW, _ORANGE), (_YELLOW, _GREY)),
    "bicycle": (_CYCLES, _CLOTHES),
    "motorcycle": (_CYCLES, (_BLACK, _BROWN, _GREY, _RED)),
    "pedestrian": (_CLOTHES, _TROUSERS),
    "traffic_cone": ((_ORANGE,), (_WHITE,)),
    "barrier": (((0.6, 0.03, 0.02), _ORANGE), (_WHITE,)),
    "animal": ((_BROWN, _BEIGE, _GREY, _WHITE), (_BROWN, _BLACK)),
    "traffic_sign": ((_WHITE, _BLUE, _YELLOW), (_RED, _WHITE)),
    "building": ((_PLASTER, _BRICK, _SAND, _STONE, _WHITE), (_STONE, _SAND, _GREY)),
    "tree": (((0.05, 0.15, 0.03), (0.09, 0.17, 0.03)), ((0.03, 0.09, 0.02),)),
    "lamp": ((_GREY, _SILVER), (_WHITE,)),
}


def draw_colours(name: str, rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Main colour and accent of one object, each a little off its palette's."""
    return tuple(
        tuple(float(value) for value in np.multiply(palette[rng.integers(len(palette))], shade))
        for palette, shade in zip(PALETTES[name], rng.uniform(0.8, 1.15, 2), strict=True)
    )
