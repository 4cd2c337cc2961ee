"""Poses on an image: the outlines of the models, and their axes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ..image import draw_image
from ..style import DASHES, GROUND_TRUTH, RIM, THICK, THIN
from .posed_object import PosedObject
from .silhouette import camera_points, projected, silhouette

AXES = ("#ff3b30", "#34a853", "#3478f6")  # x, y, z
_TO_AXES = 0.5  # pixel (0, 0) of BOP covers [0, 1) of an axes
_SHARE = 0.4  # length of the axes by the model's diameter, or by the crop's side without a model
_AHEAD = 1e-2  # metres


def draw_outline(
    ax: Axes, shown: PosedObject, window: np.ndarray, colour: str, truth: bool = False
) -> None:
    """Draw the outline of the model at the estimate, or at the true pose.

    Nothing is drawn where there is no such pose or no model.

    Args:
        ax: with the image, as ``draw_image`` shows it.
        shown: the object.
        window: (4,) left, top, right, bottom of what is seen of the image, pixels.
        colour: of the line.
        truth: draw the true pose, thin.
    """
    pose = _pose(shown, truth)
    if pose is None or shown.model is None:
        return
    borders = silhouette(shown.model.surface.mesh, pose, shown.cam2img, window)
    lines = [np.concatenate([border, border[:1]]) + _TO_AXES for border in borders]
    # The truth within the estimate, so that both are seen where they agree.
    style = dict(lw=0.5 * THICK) if truth else dict(lw=1.4 * THICK, path_effects=[RIM])
    ax.add_collection(LineCollection(lines, colors=colour, joinstyle="round", **style))


def draw_axes(ax: Axes, shown: PosedObject, truth: bool = False) -> None:
    """Draw the model's axes at the estimate or, dashed, at the true pose; x red, y green, z blue.

    Args:
        ax: with the image.
        shown: the object.
        truth: draw those of the true pose.
    """
    pose = _pose(shown, truth)
    if pose is None or pose[2] < _AHEAD:
        return
    side = (shown.window[2] - shown.window[0]) * pose[2] / shown.cam2img[0, 0]
    length = _SHARE * (side if shown.model is None else shown.model.surface.diameter)
    ends = camera_points(pose, length * np.concatenate([np.zeros((1, 3)), np.eye(3)]))
    ends[:, 2] = ends[:, 2].clip(min=_AHEAD)
    pixels = projected(shown.cam2img, ends) + _TO_AXES
    style = dict(lw=THIN, ls=DASHES) if truth else dict(lw=THICK)
    # The farthest axis first.
    order = np.argsort(-ends[1:, 2])
    ax.add_collection(
        LineCollection(
            [[pixels[0], pixels[1 + i]] for i in order],
            colors=[AXES[i] for i in order],
            capstyle="butt" if truth else "round",
            **style,
        )
    )


def draw_crop(ax: Axes, image: np.ndarray, shown: PosedObject, colour: str) -> None:
    """Show the crop of an object with outlines and axes of the estimate and of the truth.

    Args:
        ax: where to draw.
        image: (H, W, 3) whole image, RGB.
        shown: the object.
        colour: of the estimate.
    """
    draw_image(ax, image)
    draw_outline(ax, shown, shown.window, colour)
    draw_outline(ax, shown, shown.window, GROUND_TRUTH, truth=True)
    draw_axes(ax, shown, truth=True)
    draw_axes(ax, shown)
    left, top, right, bottom = shown.window + _TO_AXES
    # As the network sees it, beyond the border of the image too.
    ax.set(xlim=(left, right), ylim=(bottom, top), facecolor="black")


def _pose(shown: PosedObject, truth: bool) -> np.ndarray | None:
    if truth:
        return shown.true_pose
    return None if shown.estimate is None else shown.estimate.pose[0]
