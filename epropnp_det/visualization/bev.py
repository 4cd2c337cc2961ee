"""Boxes from above, around the ego car."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon

from .boxes import BoxSet
from .style import GROUND_TRUTH, PALETTE

EGO_OUTLINE = np.array([[3.8, 0.9], [3.8, -0.9], [-1.0, -0.9], [-1.0, 0.9]])
RING = 10.0  # metres between range rings


@dataclass(frozen=True)
class FieldOfView:
    """What a camera overlooks: ``camera_to_ego`` (4, 4), ``cam2img`` (3, 3), width in pixels."""

    camera_to_ego: np.ndarray
    cam2img: np.ndarray
    width: int

    def wedge(self, reach: float) -> np.ndarray:
        """Corners of the field of view on the ground, (3, 2), ``reach`` metres along its sides."""
        u = np.array([0, self.width])
        rays = np.stack([(u - self.cam2img[0, 2]) / self.cam2img[0, 0], 0 * u, 1 + 0 * u], -1)
        sides = (rays @ self.camera_to_ego[:3, :3].T)[:, :2]
        sides *= reach / np.linalg.norm(sides, axis=1, keepdims=True)
        origin = self.camera_to_ego[:2, 3]
        return np.stack([origin, origin + sides[0], origin + sides[1]])


def draw_bev(
    ax: Axes,
    predictions: BoxSet | None = None,
    ground_truth: BoxSet | None = None,
    views: Sequence[FieldOfView] = (),
    reach: float = 50.0,
    points: np.ndarray | None = None,
) -> None:
    """Draw boxes from above, forward up, with range rings and the cameras' fields of view.

    Ground truth is filled green, predictions are outlines in their class's colour, the fainter the
    lower their score. The tick points to the front.

    Args:
        ax: where to draw.
        predictions, ground_truth: boxes in the ego frame (x forward, y left, z up).
        views: cameras.
        reach: half the side of the drawn square, metres.
        points: (P, 3) LiDAR points in the ego frame.
    """
    for view in views:
        ax.add_patch(Polygon(_turned(view.wedge(2 * reach)), fc="#5b8def", alpha=0.09, lw=0))
    for radius in np.arange(RING, np.sqrt(2) * reach, RING):
        ax.add_patch(Circle((0, 0), radius, fill=False, ec="#9aa0a6", lw=0.5, ls=(0, (4, 4))))
        if radius <= reach:
            ax.text(-radius, 0, f" {radius:.0f} m", fontsize=7, color="#3c4043", zorder=3)
    ax.add_patch(Polygon(_turned(EGO_OUTLINE), fc="#3c4043", ec="none", zorder=3))
    if points is not None:
        ax.scatter(*_turned(points).T, s=0.25, lw=0, color="#5f6368", zorder=1.5)
    if ground_truth is not None:
        for outline, tick in map(_footprint, ground_truth.corners):
            ax.add_patch(
                Polygon(outline, fc=GROUND_TRUTH + "55", ec=GROUND_TRUTH, lw=0.8, zorder=2)
            )
            ax.plot(*tick.T, color=GROUND_TRUTH, lw=0.8, zorder=2)
    if predictions is not None:
        scores = np.ones(len(predictions)) if predictions.scores is None else predictions.scores
        for corners, name, score in zip(
            predictions.corners, predictions.names, scores, strict=True
        ):
            outline, tick = _footprint(corners)
            style = {"color": PALETTE[name], "lw": 1.4, "alpha": 0.35 + 0.65 * score, "zorder": 4}
            ax.add_patch(Polygon(outline, fill=False, **style))
            ax.plot(*tick.T, **style)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])


def _footprint(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outline (4, 2) and heading tick (2, 2) in the plot's coordinates."""
    bottom = _turned(corners[[2, 3, 7, 6], :2])
    return bottom, np.stack([bottom.mean(0), bottom[:2].mean(0)])


def _turned(ego: np.ndarray) -> np.ndarray:
    """Ego x forward, y left to plot x right, y up with forward up."""
    return np.stack([-ego[:, 1], ego[:, 0]], -1)
