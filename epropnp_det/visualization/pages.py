"""Whole pictures of one image: boxes, posterior, correspondences, reference points, depth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..datasets.nuscenes_names import CLASSES
from .bev import LEVEL_CAMERA, FieldOfView, Window, draw_bev
from .boxes import BoxSet
from .correspondences import LARGEST, Correspondences, draw_correspondences
from .depth import add_depth_bar, draw_depth_map, draw_points_on_image
from .heat_map import add_heat_bar, draw_heat_map
from .image import draw_boxes_on_image, draw_image
from .polar import draw_yaw_density
from .posterior import PoseSamples
from .style import PAGE, add_legend, colour_of, new_page, place_axes, set_title

WINDOW = Window(ahead=50.0, behind=4.0, side=27.0)
POLAR_PLOTS = 6
# Inches.
_PAD, _LEGEND, _TITLE, _POLAR = 0.03, 0.2, 0.18, 0.9
_REGION = (1.4, 2.6)  # least and largest width by height of what shows correspondences
_SHORT = {"construction_vehicle": "constr. veh.", "traffic_cone": "cone", "motorcycle": "motorc."}


def detection_page(
    image: np.ndarray,
    cam2img: np.ndarray,
    predictions: BoxSet | None = None,
    ground_truth: BoxSet | None = None,
    samples: PoseSamples | None = None,
    classes: Sequence[str] = CLASSES,
) -> Figure:
    """An image with its boxes, and beside it the view from above.

    With pose samples the densities of the positions are there, too, and below the image those of
    the orientations of some predictions, numbered like their boxes: the best of each class first.

    Args:
        image: (H, W, 3), RGB.
        cam2img: (3, 3) camera matrix.
        predictions: boxes in the camera frame, best first.
        ground_truth: boxes in the camera frame.
        samples: pose samples of the predictions, camera frame.
        classes: those of the legend.
    """
    numbered = _numbered(predictions) if samples is not None else []
    aspects = image.shape[1] / image.shape[0], WINDOW.aspect
    # The view from above is as high as the image and, with them, the polar plots.
    extra = _POLAR if numbered else 0.0
    room = PAGE[0] - 3 * _PAD - aspects[1] * extra
    width = room / (1 + aspects[1] / aspects[0])
    height, side = width / aspects[0], width / aspects[0] + extra
    figure = new_page(side + _LEGEND + 2 * _PAD)
    numbers, labels = _labels(predictions, numbered)
    ax = place_axes(figure, _PAD, _PAD, width, height)
    draw_boxes_on_image(ax, image, cam2img, predictions, ground_truth, labels)
    draw_bev(
        place_axes(figure, width + 2 * _PAD, _PAD, side * aspects[1], side),
        predictions and predictions.transformed(LEVEL_CAMERA),
        ground_truth and ground_truth.transformed(LEVEL_CAMERA),
        [FieldOfView(LEVEL_CAMERA, cam2img, image.shape[1])],
        WINDOW,
        samples=samples and samples.transformed(LEVEL_CAMERA),
        labels=numbers,
        ego_car=False,
    )
    # Always as many places, so that pictures of one kind have one layout.
    step, plot = width / POLAR_PLOTS, _POLAR - _TITLE - 2 * _PAD
    for place, i in enumerate(numbered):
        left = _PAD + place * step + (step - plot) / 2
        polar = place_axes(figure, left, _PAD + height + _TITLE, plot, plot, projection="polar")
        draw_yaw_density(polar, samples.yaw[i], samples.weight[i], colour_of(predictions.names[i]))
        set_title(polar, f"{place + 1} {_SHORT.get(predictions.names[i], predictions.names[i])}")
    # All classes, so that pictures of a video have one legend.
    add_legend(figure, classes, truth=ground_truth is not None)
    return figure


def _numbered(predictions: BoxSet) -> list[int]:
    """The predictions whose orientations are drawn: the best of each class, then the next best."""
    names = predictions.names
    best = sorted(range(len(names)), key=lambda i: (names[i] in names[:i], i))
    return sorted(best[:POLAR_PLOTS])


def _labels(
    predictions: BoxSet | None, numbered: Sequence[int]
) -> tuple[Sequence[str] | None, Sequence[str] | None]:
    """What stands beside the predictions from above, and in the image."""
    if not numbered:
        return None, None
    numbers = [""] * len(predictions)
    for place, i in enumerate(numbered):
        numbers[i] = str(place + 1)
    scores = predictions.scores
    texts = [""] * len(numbers) if scores is None else [f"{score:.2f}" for score in scores]
    pairs = zip(numbers, texts, strict=True)
    return numbers, [": ".join(filter(None, pair)) for pair in pairs]


def correspondence_page(image: np.ndarray, points: Correspondences) -> Figure:
    """An image with all correspondences, and again with those of each attention head.

    Args:
        image: (H, W, 3), RGB, uint8.
        points: in its pixels.
    """
    size = image.shape[1], image.shape[0]
    left, top, right, bottom = points.region(size, _REGION)
    panels = [("all heads: red length, green height, blue width", None)]
    if points.num_heads > 1:
        panels += [(f"head {i + 1}", i) for i in range(points.num_heads)]
    columns = math.ceil(math.sqrt(len(panels)))
    rows = math.ceil(len(panels) / columns)
    height = PAGE[0] / columns * (bottom - top) / (right - left)
    figure = new_page(rows * (height + _TITLE))
    for k, (title, head) in enumerate(panels):
        ax = figure.add_subplot(rows, columns, k + 1)
        draw_correspondences(ax, image, points, head, LARGEST / (1 if columns == 1 else 2))
        ax.set(xlim=(left, right), ylim=(bottom, top))
        set_title(ax, title)
    return figure


def heat_page(image: np.ndarray, heat: np.ndarray) -> Figure:
    """An image with the heat map of reference points; arguments as :func:`.draw_heat_map`."""
    figure = new_page(PAGE[0] * image.shape[0] / image.shape[1] + 0.35)
    ax = figure.add_subplot()
    draw_heat_map(ax, image, heat)
    add_heat_bar(figure, ax)
    return figure


def depth_page(
    image: np.ndarray,
    depth: np.ndarray,
    points: np.ndarray | None = None,
    cam2img: np.ndarray | None = None,
) -> Figure:
    """Predicted depth and, beside it, the image with its LiDAR points.

    Args:
        image: (H, W, 3), RGB.
        depth: (h, w) metres, of a grid of cells over the image.
        points: (P, 3) LiDAR points in the camera frame, in front of the camera.
        cam2img: (3, 3) camera matrix, for the points.
    """
    height, width = image.shape[:2]
    figure = new_page(PAGE[0] / 2 * height / width + 2 * _TITLE)
    left, right = figure.subplots(1, 2)
    if points is None:
        draw_image(left, image)
        set_title(left, "image")
    else:
        draw_image(left, image // 2)
        draw_points_on_image(left, points, cam2img, size=1.5)
        set_title(left, "LiDAR points")
    draw_depth_map(right, depth, (width, height))
    set_title(right, "predicted depth")
    add_depth_bar(figure, [left, right], "m", location="right", fraction=0.03, pad=0.01, aspect=25)
    return figure
