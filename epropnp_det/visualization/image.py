"""3D boxes drawn on a camera image."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Polygon

from .boxes import BoxSet
from .style import GROUND_TRUTH, PALETTE, RIM
from .wireframe import WireFrame, wire_frame

LABEL_HEIGHT = 0.06  # share of the image's height below which a box gets no text


def draw_boxes_on_image(
    ax: Axes,
    image: np.ndarray,
    cam2img: np.ndarray,
    predictions: BoxSet | None = None,
    ground_truth: BoxSet | None = None,
) -> None:
    """Show an image with boxes over it.

    Predictions have their class's colour, a tinted front face and their score; ground truth is
    thin and green. A line on the bottom points to the front. Edges on a box's far side are dotted.
    Far boxes are drawn first.

    Args:
        ax: where to draw.
        image: (H, W, 3), RGB.
        cam2img: (3, 3) camera matrix; pixel column i covers [i, i + 1).
        predictions: boxes in the camera frame, with scores or without.
        ground_truth: boxes in the camera frame.
    """
    height, width = image.shape[:2]
    ax.imshow(image, extent=(0, width, height, 0))
    ax.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    if ground_truth is not None:
        for _, frame in _in_view(ground_truth, cam2img, width, height):
            _draw_frame(ax, frame, GROUND_TRUTH, width=0.9)
    if predictions is not None:
        for i, frame in _in_view(predictions, cam2img, width, height):
            colour = PALETTE[predictions.names[i]]
            if len(frame.front):
                ax.add_patch(Polygon(frame.front, fc=colour, alpha=0.3, lw=0))
            _draw_frame(ax, frame, colour, width=1.2, path_effects=[RIM])
            if predictions.scores is not None:
                _draw_score(ax, frame, predictions.scores[i], colour, width, height)


def _in_view(boxes: BoxSet, cam2img: np.ndarray, width: int, height: int):
    """Index and wire frame of the boxes that reach into the image, far ones first."""
    for i in np.argsort(-boxes.corners.mean(1)[:, 2]):
        frame = wire_frame(boxes.corners[i], cam2img)
        if len(frame.points):
            low, high = frame.points.min(0), frame.points.max(0)
            if (low < (width, height)).all() and (high > 0).all():
                yield i, frame


def _draw_frame(ax: Axes, frame: WireFrame, colour: str, width: float, **style) -> None:
    ax.add_collection(LineCollection(frame.hidden, colors=colour, lw=0.5 * width, ls=":"))
    solid = [*frame.visible, *([frame.heading] if len(frame.heading) else [])]
    ax.add_collection(LineCollection(solid, colors=colour, lw=width, capstyle="round", **style))


def _draw_score(
    ax: Axes, frame: WireFrame, score: float, colour: str, width: int, height: int
) -> None:
    low, high = frame.points.min(0).clip(0), frame.points.max(0).clip(None, (width, height))
    if high[1] - low[1] < LABEL_HEIGHT * height:
        return
    ax.text(
        *low,
        f"{score:.2f}",
        color="black",
        fontsize=5,
        va="bottom",
        bbox={"fc": colour, "ec": "none", "pad": 0.6, "alpha": 0.85},
        clip_on=True,
    )
