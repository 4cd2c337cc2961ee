"""Depth in colour: LiDAR points on an image, and maps of predicted depth."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from .style import add_colour_bar

FARTHEST = 60.0  # metres from which on everything has the last colour


def depth_colours() -> ScalarMappable:
    """The colours of depths."""
    return ScalarMappable(Normalize(0, FARTHEST), "turbo_r")


def draw_points_on_image(
    ax: Axes, points: np.ndarray, cam2img: np.ndarray, size: float = 0.9
) -> None:
    """Draw LiDAR points over an image that is there already, under its boxes, coloured by depth.

    Args:
        ax: as :func:`~epropnp_det.visualization.draw_image` left it.
        points: (P, 3) in the camera frame, in front of the camera; P may be 0.
        cam2img: (3, 3) camera matrix; pixel column i covers [i, i + 1).
        size: of a point, in square points.
    """
    pixels = points @ cam2img.T
    colours = depth_colours()
    ax.scatter(
        *(pixels[:, :2] / pixels[:, 2:]).T,
        c=points[:, 2],
        cmap=colours.cmap,
        norm=colours.norm,
        s=size,
        lw=0,
        zorder=0.5,  # images have 0, patches 1, lines 2
    )


def draw_depth_map(ax: Axes, depth: np.ndarray, image_size: tuple[int, int]) -> None:
    """Show a map of depths in the pixel coordinates of its image.

    Args:
        ax: where to draw.
        depth: (h, w) metres, of a grid of cells over the image; NaN is left blank.
        image_size: (width, height) of the image that the cells cover, in pixels.
    """
    width, height = image_size
    colours = depth_colours()
    ax.imshow(depth, cmap=colours.cmap, norm=colours.norm, extent=(0, width, height, 0))
    ax.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def add_depth_bar(figure: Figure, axes: list[Axes], label: str, **place) -> None:
    """A bar of the depth colours beside some axes; ``place`` is as matplotlib's ``colorbar``."""
    add_colour_bar(figure, axes, depth_colours(), label, extend="max", **place)
