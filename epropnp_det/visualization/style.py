"""The one look of all drawings: colours, widths, sizes of text, the page, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..whole_file import whole_file

# Small in inches and fine in dots, so that text and lines can still be read at a third of the size.
PAGE = (8.0, 4.5)
DPI = 200
TITLE, TEXT, LABEL = 7.0, 6.0, 5.0
THICK, THIN, HAIR = 1.1, 0.8, 0.4
DASHES = (0, (2.2, 1.6))
INK, FAINT = "#202124", "#9aa0a6"

# Near nuScenes' own colours but told apart at a glance: its vehicles are all shades of orange.
# Green is left to ground truth.
PALETTE = {
    "car": "#ff9e00",
    "truck": "#ff4d2e",
    "trailer": "#c08457",
    "bus": "#e040fb",
    "construction_vehicle": "#ffea00",
    "bicycle": "#00e5ff",
    "motorcycle": "#ff5fa2",
    "pedestrian": "#4d8dff",
    "traffic_cone": "#b39ddb",
    "barrier": "#b0bec5",
    # Of relatives of nuScenes.
    "other_vehicle": "#ffea00",
    "animal": "#a1887f",
    "traffic_sign": "#26c6da",
}
GROUND_TRUTH = "#00e676"
# Of objects that are told apart by their number alone.
SERIES = ("#ff9e00", "#4d8dff", "#e040fb", "#ffea00", "#00e5ff", "#ff5fa2", "#c08457", "#ff4d2e")
# A dark rim keeps bright lines crisp on a bright background.
RIM = patheffects.withStroke(linewidth=THICK + 0.7, foreground="black", alpha=0.5)
# And a bright one dark text on anything.
HALO = patheffects.withStroke(linewidth=1.2, foreground="white", alpha=0.8)


def colour_of(name: str) -> str:
    """The colour of a class; grey for one that neither nuScenes nor a relative has."""
    return PALETTE.get(name, FAINT)


def colour_of_number(number: int) -> str:
    """The colour of the object of a number, from 0; they repeat."""
    return SERIES[number % len(SERIES)]


def new_page(height: float = PAGE[1], dpi: float = DPI) -> Figure:
    """An empty figure of the common width, 1600 pixels at the common resolution.

    Args:
        height: in inches.
        dpi: dots an inch.
    """
    figure = Figure(figsize=(PAGE[0], height), layout="constrained", dpi=dpi)
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    return figure


def place_axes(
    figure: Figure, left: float, top: float, width: float, height: float, **kwargs
) -> Axes:
    """An axes at a place in inches from the figure's upper left corner.

    The figure's layout engine, which would move it, is switched off.
    """
    figure.set_layout_engine(None)
    across, up = figure.get_size_inches()
    place = (left / across, 1 - (top + height) / up, width / across, height / up)
    return figure.add_axes(place, **kwargs)


def set_title(ax: Axes, text: str) -> None:
    """A title over an axes, in the common size."""
    ax.set_title(text, fontsize=TITLE, pad=2.5, color=INK)


def add_legend(figure: Figure, names: Iterable[str], truth: bool = False) -> None:
    """A legend of classes, in palette order, and perhaps of ground truth, below everything."""
    names = set(names)
    lines = {name: colour for name, colour in PALETTE.items() if name in names}
    if truth:
        lines = {"ground truth": GROUND_TRUTH, **lines}
    if not lines:
        return
    figure.legend(
        handles=[
            Line2D([], [], color=colour, lw=3, label=name.replace("_", " "))
            for name, colour in lines.items()
        ],
        loc="lower center" if figure.get_layout_engine() is None else "outside lower center",
        ncols=13,
        fontsize=TEXT,
        frameon=False,
        handlelength=1.0,
        handletextpad=0.4,
        columnspacing=1.2,
        borderpad=0.1,
    )


def add_colour_bar(
    figure: Figure, axes: Axes | list[Axes], colours: ScalarMappable, label: str, **place
) -> None:
    """A bar of colours beside some axes; ``place`` is as matplotlib's ``colorbar`` takes it."""
    bar = figure.colorbar(colours, ax=axes, **place)
    bar.set_label(label, fontsize=TEXT)
    bar.ax.tick_params(labelsize=TEXT)
    bar.outline.set_visible(False)


def pixels_of(figure: Figure) -> np.ndarray:
    """The drawn figure, (H, W, 3) uint8 in RGB."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a picture so that it is there whole or not at all; its suffix gives the format."""
    with whole_file(path) as draft:
        figure.savefig(draft)
