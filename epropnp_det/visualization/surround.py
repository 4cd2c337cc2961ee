"""One moment of a drive: the images around and the view from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ..datasets.nuscenes_names import CLASSES
from .bev import FieldOfView, Window, draw_bev
from .boxes import BoxSet
from .depth import add_depth_bar, draw_points_on_image
from .image import draw_boxes_on_image
from .style import DPI, add_legend, new_page, set_title

# Left and right are where they are from above.
LAYOUT = (
    ("CAM_FRONT", "CAM_BACK"),
    ("CAM_FRONT_LEFT", "CAM_FRONT_RIGHT"),
    ("CAM_BACK_LEFT", "CAM_BACK_RIGHT"),
)
WINDOW = Window(ahead=45.0, behind=45.0, side=31.5)


@dataclass(frozen=True)
class CameraScene:
    """What one camera shows.

    Attributes:
        image: (H, W, 3), RGB.
        cam2img: (3, 3) camera matrix.
        camera_to_ego: (4, 4).
        predictions, ground_truth: boxes in the camera frame.
        points: (P, 3) LiDAR points in the camera frame, in front of the camera.
        title: above the image.
    """

    image: np.ndarray
    cam2img: np.ndarray
    camera_to_ego: np.ndarray
    predictions: BoxSet | None = None
    ground_truth: BoxSet | None = None
    points: np.ndarray | None = None
    title: str = ""


@dataclass(frozen=True)
class Surround:
    """What all cameras show, and everything in the ego frame.

    Attributes:
        cameras: by channel.
        predictions, ground_truth: boxes in the ego frame.
        points: (P, 3) LiDAR points in the ego frame.
        title: above the view from above.
        classes: those of the legend.
    """

    cameras: dict[str, CameraScene]
    predictions: BoxSet | None = None
    ground_truth: BoxSet | None = None
    points: np.ndarray | None = None
    title: str = ""
    classes: Sequence[str] = CLASSES


def layout(cameras: Mapping[str, np.ndarray]) -> list[list[str | None]]:
    """Rows of two images: nuScenes' cameras in their places, others in those that are left.

    Others are sorted by where they look: those ahead first, and of two the left one.

    Args:
        cameras: by name, the (4, 4) pose of each in the ego frame.

    Returns:
        Names by row and column; None where there is no image. No row is empty.
    """
    places = [[name if name in cameras else None for name in row] for row in LAYOUT]
    known = {name for row in LAYOUT for name in row}
    others = sorted(
        (name for name in cameras if name not in known), key=lambda name: _place(cameras[name])
    )
    for row in places:
        for column, name in enumerate(row):
            if name is None and others:
                row[column] = others.pop(0)
    while others:
        places.append([others.pop(0), others.pop(0) if others else None])
    return [row for row in places if any(row)]


def _place(camera_to_ego: np.ndarray) -> tuple[float, float]:
    """What a camera is sorted by: how far it looks back, in steps, and to the right."""
    forward, left = camera_to_ego[:2, 2]
    return -round(2 * forward), -left


def surround_page(scene: Surround, dpi: float = DPI) -> Figure:
    """Draw all images, the view from above and a legend.

    Args:
        scene: what to draw.
        dpi: dots an inch of a page that is 8 inches wide; 200 give 1600 x 900 pixels.
    """
    figure = new_page(dpi=dpi)
    rows = layout({name: camera.camera_to_ego for name, camera in scene.cameras.items()})
    grid = figure.add_gridspec(len(rows), 3, width_ratios=(1, 1, 1.18))
    axes, with_points = [], False
    for row, channels in enumerate(rows):
        for column, channel in enumerate(channels):
            if channel is None:
                continue
            camera = scene.cameras[channel]
            ax = figure.add_subplot(grid[row, column])
            draw_boxes_on_image(
                ax, camera.image, camera.cam2img, camera.predictions, camera.ground_truth
            )
            if camera.points is not None:
                draw_points_on_image(ax, camera.points, camera.cam2img)
                with_points = True
            set_title(ax, camera.title or channel)
            axes.append(ax)
    if with_points:
        place = dict(location="left", fraction=0.02, pad=0.005, aspect=60)
        add_depth_bar(figure, axes, "depth of LiDAR points (m)", **place)
    ax = figure.add_subplot(grid[:, 2])
    views = [
        FieldOfView(camera.camera_to_ego, camera.cam2img, camera.image.shape[1])
        for camera in scene.cameras.values()
    ]
    draw_bev(ax, scene.predictions, scene.ground_truth, views, WINDOW, scene.points)
    set_title(ax, scene.title)
    # All classes, so that the frames of a video have one legend.
    names = scene.classes if scene.predictions is not None else ()
    add_legend(figure, names, truth=scene.ground_truth is not None)
    return figure
