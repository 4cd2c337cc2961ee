"""Boxes as an imperfect detector would give them."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet3d.registry import TRANSFORMS

from ....errors import UserError


@TRANSFORMS.register_module()
class JitterObjectBox(BaseTransform):
    """Shift and scale the object's 2D box at random, uniformly.

    Args:
        shift: greatest shift of the centre, as a fraction of the box's width and height.
        scale: greatest change of the size, as a fraction of it.
    """

    def __init__(self, shift: float = 0.25, scale: float = 0.25) -> None:
        for name, value in (("shift", shift), ("scale", scale)):
            if not 0 <= value < 1:
                raise UserError(f"JitterObjectBox: {name} is {value}, give a fraction from 0 to 1")
        self.shift = shift
        self.scale = scale

    @cache_randomness
    def _draw(self) -> np.ndarray:
        return np.random.uniform(-1, 1, 3)

    def transform(self, results: dict) -> dict:
        """Edit ``box`` (4,): x, y, width, height."""
        draw = self._draw()
        corner, size = results["box"][:2], results["box"][2:]
        center = corner + size / 2 + draw[:2] * self.shift * size
        size = size * (1 + draw[2] * self.scale)
        results["box"] = np.concatenate([center - size / 2, size])
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shift={self.shift}, scale={self.scale})"
