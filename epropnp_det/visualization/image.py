"""Camera images, and 3D boxes drawn on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Polygon

from .boxes import BoxSet
from .style import DASHES, GROUND_TRUTH, LABEL, RIM, THICK, THIN, colour_of
from .wireframe import WireFrame, wire_frame

LABEL_HEIGHT = 0.05  # share of the image's height below which a box gets no text
LETTER = 0.6  # width of a letter over the size of the text


def draw_image(ax: Axes, image: np.ndarray) -> None:
    """Show an image (H, W, 3), RGB, so that pixel column i covers [i, i + 1)."""
    height, width = image.shape[:2]
    ax.imshow(image, extent=(0, width, height, 0))
    ax.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def draw_boxes_on_image(
    ax: Axes,
    image: np.ndarray,
    cam2img: np.ndarray,
    predictions: BoxSet | None = None,
    ground_truth: BoxSet | None = None,
    labels: Sequence[str] | None = None,
) -> None:
    """Show an image with boxes over it.

    Predictions have their class's colour, a tinted front face and their score; ground truth is
    thin and green. A line on the bottom points to the front. Edges on a box's far side are dashed.
    Far boxes are drawn first.

    Args:
        ax: where to draw.
        image: (H, W, 3), RGB.
        cam2img: (3, 3) camera matrix; pixel column i covers [i, i + 1).
        predictions: boxes in the camera frame, with scores or without.
        ground_truth: boxes in the camera frame.
        labels: text for each prediction; its score where None. An empty text is not drawn.
    """
    height, width = image.shape[:2]
    draw_image(ax, image)
    if ground_truth is not None:
        for _, frame in _in_view(ground_truth, cam2img, width, height):
            _draw_frame(ax, frame, GROUND_TRUTH, THIN)
    if predictions is None:
        return
    if labels is None:
        scores = predictions.scores
        labels = [""] * len(predictions) if scores is None else [f"{s:.2f}" for s in scores]
    placed = []
    for i, frame in _in_view(predictions, cam2img, width, height):
        colour = colour_of(predictions.names[i])
        if len(frame.front):
            ax.add_patch(Polygon(frame.front, fc=colour, alpha=0.3, lw=0))
        _draw_frame(ax, frame, colour, THICK, path_effects=[RIM])
        placed.append((frame, labels[i], colour))
    _draw_labels(ax, placed[::-1], width, height)


def _in_view(
    boxes: BoxSet, cam2img: np.ndarray, width: int, height: int
) -> Iterator[tuple[int, WireFrame]]:
    """Index and wire frame of the boxes that reach into the image, far ones first."""
    for i in np.argsort(-boxes.corners.mean(1)[:, 2]):
        frame = wire_frame(boxes.corners[i], cam2img)
        if len(frame.points):
            low, high = frame.points.min(0), frame.points.max(0)
            if (low < (width, height)).all() and (high > 0).all():
                yield i, frame


def _draw_frame(ax: Axes, frame: WireFrame, colour: str, width: float, **style) -> None:
    ax.add_collection(LineCollection(frame.hidden, colors=colour, lw=0.7 * width, ls=DASHES))
    solid = [*frame.visible, *([frame.heading] if len(frame.heading) else [])]
    ax.add_collection(LineCollection(solid, colors=colour, lw=width, capstyle="round", **style))


def _draw_labels(
    ax: Axes, boxes: Sequence[tuple[WireFrame, str, str]], width: int, height: int
) -> None:
    """Draw frames' texts in their colours; one that would cover an earlier one is left out."""
    letter = LETTER * ax.figure.dpi / 72 * LABEL * width / ax.get_window_extent().width
    taken = np.empty((0, 4))
    for frame, text, colour in boxes:
        low, high = frame.points.min(0).clip(0), frame.points.max(0).clip(None, (width, height))
        if not text or high[1] - low[1] < LABEL_HEIGHT * height:
            continue
        above = low[1] > LABEL_HEIGHT * height
        up, down = (2 * letter, 0) if above else (0, 2 * letter)
        place = np.array([low[0], low[1] - up, low[0] + len(text) * letter, low[1] + down])
        if ((taken[:, :2] < place[2:]) & (taken[:, 2:] > place[:2])).all(1).any():
            continue
        taken = np.vstack([taken, place])
        ax.text(
            *low,
            text,
            color="black",
            fontsize=LABEL,
            va="bottom" if above else "top",
            bbox={"fc": colour, "ec": "none", "pad": 0.5, "alpha": 0.85},
            clip_on=True,
        )
