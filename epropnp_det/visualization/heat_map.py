"""Where a dense head sees the reference points of objects."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from .image import draw_image
from .style import add_colour_bar

LEAST = 0.01  # score below which a reference point leaves no trace
CELL = 4  # pixels a cell of the map
DIM = 0.55  # of the image behind the map


def center_heat(
    centers: np.ndarray, scores: np.ndarray, strides: np.ndarray, image_size: tuple[int, int]
) -> np.ndarray:
    """Splat scores where the reference points lie, the larger the coarser their level.

    Args:
        centers: (P, 2) reference points (u, v), pixels.
        scores: (P,) in [0, 1].
        strides: (P,) stride of the level that each comes from, pixels.
        image_size: (width, height), pixels.

    Returns:
        (ceil(height / 4), ceil(width / 4)) in [0, 1]: at each cell the most that a point of score s
        at distance d, s * exp(-d^2 / (2 stride^2)), gives it.
    """
    width, height = image_size
    heat = np.zeros((-(-height // CELL), -(-width // CELL)))
    u, v = (CELL * (np.arange(n) + 0.5) for n in heat.shape[::-1])
    for i in np.flatnonzero(scores >= LEAST):
        fall = [
            np.exp(-0.5 * ((x - c) / strides[i]) ** 2)
            for x, c in zip((u, v), centers[i], strict=True)
        ]
        rows, columns = (np.flatnonzero(f > LEAST) for f in fall[::-1])
        if len(rows) and len(columns):
            patch = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            splat = scores[i] * np.outer(fall[1][rows], fall[0][columns])
            np.maximum(heat[patch], splat, out=heat[patch])
    return heat


def heat_colours() -> ScalarMappable:
    """The colours of scores."""
    return ScalarMappable(Normalize(0, 1), "inferno")


def draw_heat_map(ax: Axes, image: np.ndarray, heat: np.ndarray) -> None:
    """Show an image, dimmed, with a map of scores over it.

    Args:
        ax: where to draw.
        image: (H, W, 3), RGB, uint8.
        heat: (h, w) in [0, 1], of a grid of cells over the image; 0 lets the image through.
    """
    height, width = image.shape[:2]
    draw_image(ax, (image * DIM).astype(np.uint8))
    colours = heat_colours().to_rgba(heat)
    colours[..., 3] = np.clip(2.5 * heat, 0, 1) * 0.9
    ax.imshow(colours, extent=(0, width, height, 0), interpolation="bilinear")
    ax.set(xlim=(0, width), ylim=(height, 0))


def add_heat_bar(figure: Figure, ax: Axes) -> None:
    """A bar of the scores' colours below an axes."""
    place = dict(location="bottom", fraction=0.04, pad=0.01, aspect=60)
    add_colour_bar(figure, ax, heat_colours(), "score of the reference points", **place)
