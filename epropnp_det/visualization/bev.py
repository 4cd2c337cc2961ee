"""Boxes and pose densities from above, around the ego car or a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle, Polygon

from .boxes import BoxSet
from .posterior import PoseSamples, mass_levels, plane_density, plane_grid
from .style import FAINT, GROUND_TRUTH, HAIR, HALO, INK, LABEL, THICK, THIN, colour_of

EGO_OUTLINE = np.array([[3.8, 0.9], [3.8, -0.9], [-1.0, -0.9], [-1.0, 0.9]])
RING = 10.0  # metres between range rings
MASSES = (0.95, 0.8, 0.5)  # shares of the probability within the contours of a density
GRID = 41  # cells along each side of a density
# Camera axes (right, down, forward) as seen from a car (forward, left, up) with a level camera.
LEVEL_CAMERA = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


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


@dataclass(frozen=True)
class Window:
    """The part of the ground that is shown, metres: ahead, behind, and to each side."""

    ahead: float = 50.0
    behind: float = 50.0
    side: float = 50.0

    @property
    def aspect(self) -> float:
        """Width by height."""
        return 2 * self.side / (self.ahead + self.behind)


def draw_bev(
    ax: Axes,
    predictions: BoxSet | None = None,
    ground_truth: BoxSet | None = None,
    views: Sequence[FieldOfView] = (),
    window: Window = Window(),
    points: np.ndarray | None = None,
    samples: PoseSamples | None = None,
    labels: Sequence[str] | None = None,
    ego_car: bool = True,
) -> None:
    """Draw boxes from above, forward up, with range rings and the cameras' fields of view.

    Ground truth is filled green, predictions are outlines in their class's colour, the fainter the
    lower their score. The tick points to the front.

    Args:
        ax: where to draw.
        predictions, ground_truth: boxes in the ego frame (x forward, y left, z up).
        views: cameras.
        window: what is shown.
        points: (P, 3) LiDAR points in the ego frame.
        samples: pose samples of the predictions, one set each, in the ego frame.
        labels: text beside each prediction; an empty one is not drawn.
        ego_car: draw the outline of the car.
    """
    farthest = np.hypot(window.side, max(window.ahead, window.behind))
    for view in views:
        wedge = Polygon(_turned(view.wedge(2 * farthest)), fc="#5b8def", alpha=0.09, lw=0)
        ax.add_patch(wedge)
    for radius in np.arange(RING, farthest, RING):
        ax.add_patch(Circle((0, 0), radius, fill=False, ec=FAINT, lw=HAIR, ls=(0, (4, 4))))
        if radius < window.ahead:
            text = ax.text(0, radius, f" {radius:.0f} m", fontsize=LABEL, color=INK, zorder=5)
            text.set_path_effects([HALO])
    if ego_car:
        ax.add_patch(Polygon(_turned(EGO_OUTLINE), fc=INK, ec="none", zorder=3))
    if points is not None:
        ax.scatter(*_turned(points).T, s=0.25, lw=0, color="#5f6368", zorder=1.5)
    if ground_truth is not None:
        for outline, tick in map(_footprint, ground_truth.corners):
            ax.add_patch(
                Polygon(outline, fc=GROUND_TRUTH + "55", ec=GROUND_TRUTH, lw=THIN, zorder=2)
            )
            ax.plot(*tick.T, color=GROUND_TRUTH, lw=THIN, zorder=2)
    if predictions is not None:
        if samples is not None:
            for i, name in enumerate(predictions.names):
                _draw_density(ax, samples.position[i], samples.weight[i], colour_of(name))
        _draw_predictions(ax, predictions, labels or [""] * len(predictions))
    limits = dict(xlim=(-window.side, window.side), ylim=(-window.behind, window.ahead))
    ax.set(**limits, aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set(color=FAINT, linewidth=HAIR)


def _draw_predictions(ax: Axes, boxes: BoxSet, labels: Sequence[str]) -> None:
    scores = np.ones(len(boxes)) if boxes.scores is None else boxes.scores
    for corners, name, score, label in zip(boxes.corners, boxes.names, scores, labels, strict=True):
        outline, tick = _footprint(corners)
        style = {"color": colour_of(name), "lw": THICK, "alpha": 0.35 + 0.65 * score, "zorder": 4}
        ax.add_patch(Polygon(outline, fill=False, **style))
        ax.plot(*tick.T, **style)
        if label:
            place = outline[:, 0].max(), outline[:, 1].mean()
            text = ax.text(*place, f" {label}", fontsize=LABEL, va="center", zorder=6, clip_on=True)
            text.set_path_effects([HALO])


def _draw_density(ax: Axes, position: np.ndarray, weight: np.ndarray, colour: str) -> None:
    """Shade the regions that hold the shares ``MASSES`` of an object's position."""
    if not weight.any():
        return
    points = _turned(position)
    nodes = plane_grid(points, weight, GRID)
    density = plane_density(points, weight, nodes)
    levels = np.unique(mass_levels(density, MASSES))
    shades = [to_rgba(colour, alpha) for alpha in (0.22, 0.42, 0.68)[-len(levels) :]]
    ax.contourf(
        *nodes.transpose(2, 0, 1), density, levels=[*levels, np.inf], colors=shades, zorder=2.5
    )


def _footprint(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outline (4, 2) and heading tick (2, 2) in the plot's coordinates."""
    bottom = _turned(corners[[2, 3, 7, 6], :2])
    return bottom, np.stack([bottom.mean(0), bottom[:2].mean(0)])


def _turned(ego: np.ndarray) -> np.ndarray:
    """Ego x forward, y left to plot x right, y up with forward up."""
    return np.stack([-ego[:, 1], ego[:, 0]], -1)
