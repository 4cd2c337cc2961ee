"""The shapes that bodies have, made ready for rays once a process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import solid
from .body import Shape
from .models import object_models
from .pattern import linear
from .tessellate import tessellate

CLUTTER_STEP = 1 / 28


@lru_cache(maxsize=1)
def object_shapes() -> tuple[Shape, ...]:
    """Those of the models, ready for rays."""
    return tuple(Shape(model.solid, model.surface) for model in object_models())


@lru_cache(maxsize=1)
def clutter_shapes() -> tuple[Shape, ...]:
    """Bodies of size one that clutter is made of by stretching."""
    kinds = (
        solid.box((1, 1, 1), 0.06),
        solid.cylinder(0.5, 1, 0.06),
        solid.ellipsoid((0.5, 0.5, 0.5)),
        solid.rounded(solid.turned([(-0.45, 0.42), (0.45, 0.1)]), 0.05),
        solid.ring(0.36, 0.13),
        solid.capsule((0, 0, -0.3), (0, 0, 0.3), (0.2, 0.14)),
        solid.joined([solid.box((1, 0.3, 0.3), 0.05), solid.box((0.3, 1, 0.3), 0.05)], 0.05),
        solid.hollow(
            solid.cylinder(0.5, 0.8, 0.05),
            solid.moved(solid.cylinder(0.4, 0.8, 0.05), (0, 0, 0.2)),
            0.05,
        ),
    )
    half = np.full(3, 0.55)
    return tuple(Shape(kind, tessellate(kind, half, CLUTTER_STEP)) for kind in kinds)


@lru_cache(maxsize=1)
def object_colours() -> tuple[np.ndarray, ...]:
    """Those of the models' vertices, linear, each (V, 3) float32."""
    return tuple(linear(model.colours / 255).astype(np.float32) for model in object_models())
