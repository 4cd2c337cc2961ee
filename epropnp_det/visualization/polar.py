"""The density of an orientation as a polar plot."""

from __future__ import annotations

import numpy as np
from matplotlib.projections.polar import PolarAxes

from .posterior import yaw_density
from .style import FAINT, GROUND_TRUTH, HAIR, THICK

ANGLES = np.linspace(-np.pi, np.pi, 361)


def draw_yaw_density(
    ax: PolarAxes,
    yaw: np.ndarray,
    weight: np.ndarray,
    colour: str,
    true_yaw: float | None = None,
) -> None:
    """Draw how probable each heading is, as seen from above: up is away from the camera.

    The radius is the square root of the density, so that equal areas are equal probabilities; it is
    scaled to the largest.

    Args:
        ax: a polar axes.
        yaw: (K,) samples about the camera's y axis, radians; yaw 0 heads to the right.
        weight: (K,) their weights, which add up to 1, or all zero.
        colour: of the density.
        true_yaw: the true one, as a green ray.
    """
    radius = np.sqrt(yaw_density(yaw, weight, ANGLES))
    radius = radius / max(radius.max(), 1e-9)
    # Seen from above, the yaw runs clockwise.
    ax.fill(-ANGLES, radius, fc=colour, alpha=0.45, lw=0)
    ax.plot(-ANGLES, radius, color=colour, lw=THICK)
    if true_yaw is not None:
        ax.plot([-true_yaw] * 2, [0, 1.05], color=GROUND_TRUTH, lw=THICK)
    ax.set(ylim=(0, 1.05), yticks=[], xticks=np.radians(range(0, 360, 45)), xticklabels=[])
    ax.grid(color=FAINT, lw=HAIR)
    ax.spines[:].set(color=FAINT, linewidth=HAIR)
