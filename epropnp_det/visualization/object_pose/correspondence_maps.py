"""What a network says of every cell of a crop: the object's coordinates, and how far to trust them.

The picture of the paper's 6 DoF experiments (EPro-PnP, arXiv 2203.13254, figure 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from ...evaluation.bop import EvaluatedModel

MATTERS = 0.05
"""Share of the largest weight below which a cell does not matter."""


@dataclass(frozen=True, eq=False)
class CorrespondenceMaps:
    """Maps of s x s cells.

    Attributes:
        coords: (s, s, 3) object coordinates x, y, z, metres.
        weights: (s, s, 2) of u and v, in 1 / pixel.
        pixels: (s, s, 2) u, v for which the cells stand.
    """

    coords: np.ndarray
    weights: np.ndarray
    pixels: np.ndarray

    def matters(self) -> np.ndarray:
        """(s, s) bool: the cells of more than a small share of the largest weight."""
        weight = self.weights.mean(axis=-1)
        return weight > MATTERS * weight.max()

    def colours(self, model: EvaluatedModel | None = None) -> np.ndarray:
        """Coordinates as colours: red along x, green along y, blue along z.

        Args:
            model: from one end of which to the other the colours run; by default those ends are of
                the cells that matter.

        Returns:
            (s, s, 3) in [0, 1].
        """
        if model is None:
            points = self.coords[self.matters()]
            low, high = points.min(axis=0), points.max(axis=0)
        else:
            low, high = model.surface.minima, model.surface.minima + model.surface.size
        return np.clip((self.coords - low) / np.maximum(high - low, 1e-9), 0, 1)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the maps for matplotlib.

        A cell reaches half a cell around the pixel that it stands for, and pixel (0, 0) covers
        [0, 1) of an axes.
        """
        half = (self.pixels[0, 1, 0] - self.pixels[0, 0, 0]) / 2
        (left, top), (right, bottom) = self.pixels[0, 0], self.pixels[-1, -1]
        return left - half + 0.5, right + half + 0.5, bottom + half + 0.5, top - half + 0.5


def draw_coordinates(
    ax: Axes, maps: CorrespondenceMaps, model: EvaluatedModel | None = None
) -> None:
    """Show the coordinates of every cell as a colour; see :meth:`CorrespondenceMaps.colours`."""
    _draw(ax, maps, maps.colours(model))


def draw_weights(ax: Axes, maps: CorrespondenceMaps, axis: int) -> None:
    """Show the weights of an axis, 0 for u and 1 for v, from none to the largest of both axes."""
    _draw(ax, maps, weight_colours(maps).to_rgba(maps.weights[..., axis]))


def weight_colours(maps: CorrespondenceMaps) -> ScalarMappable:
    """The colours of the weights of one object."""
    return ScalarMappable(Normalize(0, max(float(maps.weights.max()), 1e-12)), "inferno")


def _draw(ax: Axes, maps: CorrespondenceMaps, colours: np.ndarray) -> None:
    left, right, bottom, top = maps.extent
    ax.imshow(colours, extent=maps.extent, interpolation="nearest")
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
