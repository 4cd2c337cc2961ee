"""Frames around directions."""

from __future__ import annotations

from math import copysign

import numpy as np


def frame_about(direction: np.ndarray) -> np.ndarray:
    """A rotation (3, 3) whose last row is the unit vector ``direction``.

    T. Duff et al., "Building an orthonormal basis, revisited", JCGT 2017.
    """
    x, y, z = map(float, direction)
    sign = copysign(1.0, z)
    a = -1 / (sign + z)
    b = x * y * a
    return np.array(
        [[1 + sign * x * x * a, sign * b, -sign * x], [b, sign + y * y * a, -y], [x, y, z]]
    )
