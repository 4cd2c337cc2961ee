"""The picture of a calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from ..visualization.style import (
    FAINT,
    HALO,
    INK,
    LABEL,
    THICK,
    THIN,
    new_page,
    save_figure,
    set_title,
)
from .calibration import NOMINAL, Coverage, PoseLevels

_CURVE = "#d62728"
_GRID = tuple(np.linspace(0, 1, 101))


def save_reliability_curves(path: str | Path, levels: PoseLevels) -> None:
    """Draw the shares of true poses inside the posterior's regions of each mass.

    One panel each for the whole pose, its depth and its yaw.

    Args:
        path: the picture; its suffix gives the format.
        levels: of all objects.
    """
    figure = new_page(height=3.0)
    panels = figure.subplots(1, len(levels), sharey=True)
    for ax, (name, column) in zip(panels, levels._asdict().items(), strict=True):
        draw_reliability_curve(ax, column)
        set_title(ax, f"{name} ({len(column)} objects)")
    panels[0].set_ylabel("share of true poses inside", fontsize=LABEL, color=INK)
    save_figure(figure, path)


def draw_reliability_curve(ax: Axes, levels: np.ndarray) -> None:
    """Draw the observed share of truths in regions of each mass, and that of an honest posterior.

    Args:
        ax: where to draw.
        levels: (M,) credible levels.
    """
    curve = Coverage.of(levels, _GRID)
    ax.fill_between(_GRID, *curve.band, color=FAINT, alpha=0.35, lw=0, label="95 % of honest ones")
    ax.plot((0, 1), (0, 1), color=FAINT, lw=THIN, ls="--")
    ax.plot(_GRID, curve.observed, color=_CURVE, lw=THICK, label="observed")
    named = Coverage.of(levels)
    ax.plot(named.nominal, named.observed, "o", color=_CURVE, ms=3)
    if named.count:
        for mass, share in zip(NOMINAL, named.observed, strict=True):
            above = share >= mass
            # Towards the corner that the curve leaves free, and never over the frame.
            ax.annotate(
                f"{share:.0%}",
                (mass, share),
                xytext=(-4, 2) if above and share < 0.93 else (4, -5),
                textcoords="offset points",
                ha="right" if above or mass > 0.9 else "left",
                va="bottom" if above and share < 0.93 else "top",
                fontsize=LABEL,
                color=INK,
                path_effects=[HALO],
            )
    ax.set(xlim=(0, 1), ylim=(0, 1), box_aspect=1, xticks=(0, *NOMINAL), yticks=(0, *NOMINAL, 1))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(color=FAINT, lw=0.3, alpha=0.5)
    ax.tick_params(labelsize=LABEL, length=2)
    ax.set_xlabel("mass of the region", fontsize=LABEL, color=INK)
    ax.legend(fontsize=LABEL, frameon=False, loc="upper left")
