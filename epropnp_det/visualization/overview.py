"""One picture of a nuScenes sample: its cameras and a bird's-eye view, predicted and true boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nuscenes import NuScenes
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from ..datasets.nuscenes_info import SensorPose, cameras_of
from ..devkits import devkit_of
from .boxes import BoxSet
from .sensor_files import read_image
from .style import DPI, save_figure
from .surround import CameraScene, Surround, surround_page


def save_overview(
    path: str | Path,
    nusc: NuScenes,
    sample_token: str,
    detections: Sequence[dict],
    min_score: float = 0.2,
    max_boxes: int = 100,
    dpi: float = 1.5 * DPI,
) -> None:
    """Draw one sample's predictions over its ground truth.

    Args:
        path: the picture to write; its suffix gives the format.
        nusc: the devkit's data set.
        sample_token: the sample.
        detections: the sample's entries in ``results_nusc.json``, boxes in the global frame.
        min_score: predictions below it are left out.
        max_boxes: at most so many predictions are drawn, those of highest score.
        dpi: resolution, see :func:`.surround_page`.

    Raises:
        UserError: an image is missing or broken.
    """
    scene = sample_surround(nusc, sample_token, predictions(detections, min_score, max_boxes))
    save_figure(surround_page(scene, dpi), path)


def sample_surround(
    nusc: NuScenes, sample_token: str, found: BoxSet | None = None, title: str | None = None
) -> Surround:
    """What a sample's cameras show, with its ground truth and perhaps predictions.

    Args:
        nusc: the devkit's data set.
        sample_token: the sample.
        found: predictions in the global frame.
        title: over the view from above; None for the numbers of boxes.

    Raises:
        UserError: an image is missing or broken.
    """
    sample = nusc.get("sample", sample_token)
    truth = ground_truth(nusc, sample)
    cameras = {}
    for channel in cameras_of(nusc, sample):
        data = nusc.get("sample_data", sample["data"][channel])
        rig = nusc.get("calibrated_sensor", data["calibrated_sensor_token"])
        camera = SensorPose.of(nusc, data["token"])
        cameras[channel] = CameraScene(
            read_image(nusc.get_sample_data_path(data["token"])),
            np.array(rig["camera_intrinsic"]),
            camera.sensor2ego,
            found and found.transformed(camera.global2sensor),
            truth.transformed(camera.global2sensor),
        )
    lidar = devkit_of(nusc).lidar
    reference = sample["data"].get(lidar) or sample["data"][next(iter(cameras))]
    to_ego = np.linalg.inv(SensorPose.of(nusc, reference).ego2global)
    count = f"{len(truth)} true boxes"
    return Surround(
        cameras,
        found and found.transformed(to_ego),
        truth.transformed(to_ego),
        classes=devkit_of(nusc).classes,
        title=title or (count if found is None else f"{len(found)} predictions, {count}"),
    )


def ground_truth(nusc: NuScenes, sample: dict) -> BoxSet:
    """A sample's true boxes of the devkit's classes that hold a point, global frame."""
    devkit, boxes, names = devkit_of(nusc), [], []
    for key in sample["anns"]:
        annotation = nusc.get("sample_annotation", key)
        name = devkit.class_of(annotation["category_name"])
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
