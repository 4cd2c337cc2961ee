"""LiDAR points drawn on a camera image."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

FARTHEST = 60.0  # metres from which on points have the last colour


def draw_points_on_image(ax: Axes, points: np.ndarray, cam2img: np.ndarray) -> None:
    """Draw points over an image that is there already, under its boxes, coloured by depth.

    Args:
        ax: as :func:`~epropnp_det.visualization.draw_boxes_on_image` left it.
        points: (P, 3) in the camera frame, in front of the camera; P may be 0.
        cam2img: (3, 3) camera matrix; pixel column i covers [i, i + 1).
    """
    pixels = points @ cam2img.T
    colours = depth_colours()
    ax.scatter(
        *(pixels[:, :2] / pixels[:, 2:]).T,
        c=points[:, 2],
        cmap=colours.cmap,
        norm=colours.norm,
        s=0.9,
        lw=0,
        zorder=0.5,  # images have 0, patches 1, lines 2
    )


def depth_colours() -> ScalarMappable:
    """The colours of depths, for a colour bar."""
    return ScalarMappable(Normalize(0, FARTHEST), "gist_rainbow")
