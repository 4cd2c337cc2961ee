"""One picture of a nuScenes sample: six cameras and a bird's-eye view, predicted and true boxes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread
from nuscenes import NuScenes
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from ..datasets.nuscenes_info import SensorPose
from ..whole_file import whole_file
from .bev import FieldOfView, draw_bev
from .boxes import BoxSet
from .image import draw_boxes_on_image
from .style import legend_entries

LAYOUT = (
    ("CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT"),
    ("CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT"),
)


def save_overview(
    path: str | Path,
    nusc: NuScenes,
    sample_token: str,
    detections: Sequence[dict],
    min_score: float = 0.2,
    max_boxes: int = 100,
) -> None:
    """Draw one sample's predictions over its ground truth.

    Args:
        path: the picture to write; its suffix gives the format.
        nusc: the devkit's data set.
        sample_token: the sample.
        detections: the sample's entries in ``results_nusc.json``, boxes in the global frame.
        min_score: predictions below it are left out.
        max_boxes: at most so many predictions are drawn, those of highest score.
    """
    sample = nusc.get("sample", sample_token)
    truth = ground_truth(nusc, sample)
    found = predictions(detections, min_score, max_boxes)

    figure = Figure(figsize=(20, 6), layout="constrained", dpi=150)
    grid = figure.add_gridspec(2, 4, width_ratios=(16, 16, 16, 18.5))
    views = []
    for row, channels in enumerate(LAYOUT):
        for column, channel in enumerate(channels):
            data = nusc.get("sample_data", sample["data"][channel])
            rig = nusc.get("calibrated_sensor", data["calibrated_sensor_token"])
            cam2img = np.array(rig["camera_intrinsic"])
            camera = SensorPose.of(nusc, data["token"])
            to_camera = camera.global2sensor
            image = imread(nusc.get_sample_data_path(data["token"]))
            ax = figure.add_subplot(grid[row, column])
            draw_boxes_on_image(
                ax, image, cam2img, found.transformed(to_camera), truth.transformed(to_camera)
            )
            ax.set_title(channel, fontsize=8, pad=3)
            views.append(FieldOfView(camera.sensor2ego, cam2img, image.shape[1]))
    ax = figure.add_subplot(grid[:, 3])
    to_ego = np.linalg.inv(SensorPose.of(nusc, sample["data"]["LIDAR_TOP"]).ego2global)
    draw_bev(ax, found.transformed(to_ego), truth.transformed(to_ego), views)
    ax.set_title(
        f"{len(found)} of {len(detections)} predictions shown (score at least {min_score:g}), "
        f"{len(truth)} true boxes",
        fontsize=8,
        pad=3,
    )
    figure.legend(
        handles=legend_entries(found.names), loc="outside lower center", ncols=11, fontsize=8
    )
    save_figure(figure, Path(path))


def ground_truth(nusc: NuScenes, sample: dict) -> BoxSet:
    """A sample's true boxes of the ten classes that hold a LiDAR or radar point, global frame."""
    boxes, names = [], []
    for key in sample["anns"]:
        annotation = nusc.get("sample_annotation", key)
        name = category_to_detection_name(annotation["category_name"])
        if name and annotation["num_lidar_pts"] + annotation["num_radar_pts"]:
            boxes.append(nusc.get_box(key))
            names.append(name)
    return BoxSet.from_devkit(boxes, names)


def predictions(detections: Sequence[dict], min_score: float, max_boxes: int) -> BoxSet:
    """Entries of ``results_nusc.json`` of highest score, global frame."""
    best = sorted(detections, key=lambda entry: -entry["detection_score"])[:max_boxes]
    best = [entry for entry in best if entry["detection_score"] >= min_score]
    boxes = [Box(e["translation"], e["size"], Quaternion(e["rotation"])) for e in best]
    scores = np.array([entry["detection_score"] for entry in best])
    return BoxSet.from_devkit(boxes, [entry["detection_name"] for entry in best], scores)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a picture so that it is there whole or not at all."""
    with whole_file(path) as draft:
        figure.savefig(draft)
