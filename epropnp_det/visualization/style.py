"""Colours and legend shared by all drawings."""

from collections.abc import Iterable

from matplotlib import patheffects
from matplotlib.lines import Line2D

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
}
GROUND_TRUTH = "#00e676"
# A dark rim keeps bright lines crisp on a bright background.
RIM = patheffects.withStroke(linewidth=2.2, foreground="black", alpha=0.55)


def class_entries(names: Iterable[str]) -> list[Line2D]:
    """Legend entries of classes, in palette order."""
    names = set(names)
    return [
        Line2D([], [], color=colour, lw=4, label=name.replace("_", " "))
        for name, colour in PALETTE.items()
        if name in names
    ]


def legend_entries(names: Iterable[str]) -> list[Line2D]:
    """Entries for ground truth and for predictions of the given classes, in palette order."""
    truth = Line2D([], [], color=GROUND_TRUTH, lw=2, label="ground truth")
    return [truth, *class_entries(names)]
