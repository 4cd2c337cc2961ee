"""How a body comes to rest on a table: with a side down on which its centre is lowest."""

from __future__ import annotations

import numpy as np

from .frames import frame_about

# Angles of the first and the last rolls that are tried, radians.
WIDE, NARROW = 0.3, 5e-4
WAYS = 8
_TURNS = 2 * np.pi * np.arange(WAYS)[:, None] / WAYS
_SIDEWAYS = np.concatenate([np.cos(_TURNS), np.sin(_TURNS)], 1)


def rolled(direction: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The direction that points down once a body that was let go has rolled to rest.

    Args:
        direction: (3,) unit vector in the body's frame that points down before.
        corners: (H, 3) of its convex hull, about its centre.

    Returns:
        (3,) unit vector; its centre sinks no further by any small roll.
    """
    angle = WIDE
    height = (corners @ direction).max()
    while angle > NARROW:
        across = _SIDEWAYS @ frame_about(direction)[:2]
        tries = np.cos(angle) * direction + np.sin(angle) * across
        heights = (corners @ tries.T).max(0)
        best = heights.argmin()
        if heights[best] < height:
            direction, height = tries[best], heights[best]
        else:
            angle /= 2
    return direction / np.linalg.norm(direction)


def turn_down(direction: np.ndarray, angle: float) -> np.ndarray:
    """A rotation (3, 3) that maps a unit vector to -z; ``angle``, radians, chooses one of many."""
    x, y, up = frame_about(-direction)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x - sin * y, sin * x + cos * y, up])
