"""The picture of one image's predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from ..evaluation.geometry import camera_boxes_to_global
from ..visualization import BoxSet, FieldOfView, draw_bev, draw_boxes_on_image
from ..visualization.overview import save_figure
from ..visualization.style import PALETTE, class_entries

REACH = 50.0  # metres that the bird's-eye view shows ahead of the camera
BEHIND = 6.0  # and behind it
DPI = 150
HEIGHT, LEGEND = 5.0, 0.35  # inches

# Camera axes (right, down, forward) as seen from a car (forward, left, up) with a level camera.
CAMERA_TO_EGO = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def entry_boxes(entry: dict) -> BoxSet:
    """The boxes of an entry of ``predictions.json``, camera frame."""
    boxes = entry["boxes"]
    rows = np.array(
        [
            [x, y + box["size"][1] / 2, z, *box["size"], box["yaw"], 0, 0]
            for box in boxes
            for x, y, z in [box["center"]]
        ]
    ).reshape(-1, 9)
    # In the camera's own frame: the devkit's box has its axes in another order.
    turned = camera_boxes_to_global(rows, np.eye(4))
    return BoxSet.from_devkit(
        [
            Box(*row[:2], Quaternion(row[2]))
            for row in zip(turned.center, turned.size, turned.rotation, strict=True)
        ],
        [box["name"] for box in boxes],
        np.array([box["score"] for box in boxes]),
    )


def save_picture(path: str | Path, image: np.ndarray, entry: dict) -> None:
    """Draw an image with its predicted boxes, and beside it the bird's-eye view of the camera.

    Boxes of classes that have no colour are not drawn.

    Args:
        path: the picture to write; its suffix gives the format.
        image: (H, W, 3) the image as it is stored, RGB.
        entry: its entry of ``predictions.json``.
    """
    cam2img = np.array(entry["cam2img"])
    known = [box for box in entry["boxes"] if box["name"] in PALETTE]
    boxes = entry_boxes({**entry, "boxes": known})
    aspects = image.shape[1] / image.shape[0], 2 * REACH / (REACH + BEHIND)
    figure = Figure(figsize=(HEIGHT * sum(aspects), HEIGHT + LEGEND), layout="constrained", dpi=DPI)
    left, right = figure.subplots(1, 2, width_ratios=aspects)
    draw_boxes_on_image(left, image, cam2img, boxes)
    view = FieldOfView(CAMERA_TO_EGO, cam2img, image.shape[1])
    draw_bev(right, boxes.transformed(CAMERA_TO_EGO), views=[view], reach=REACH)
    right.set(ylim=(-BEHIND, REACH))
    # All classes, so that pictures of a video have one layout.
    figure.legend(handles=class_entries(PALETTE), loc="outside lower center", ncols=10, fontsize=8)
    save_figure(figure, Path(path))
