"""The pictures of one image's predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..datasets.nuscenes_names import CLASSES
from ..evaluation.bop import EvaluatedModel
from ..structures import ObjectPoseSample
from ..visualization import (
    BoxSet,
    PosedObject,
    detection_page,
    object_pose_page,
    save_figure,
)


def entry_boxes(entry: dict) -> BoxSet:
    """The boxes of an entry of ``predictions.json``, camera frame."""
    boxes = entry["boxes"]
    return BoxSet.from_camera(
        [[*box["center"], *box["size"], box["yaw"]] for box in boxes],
        [box["name"] for box in boxes],
        np.array([box["score"] for box in boxes]),
    )


def save_picture(
    path: str | Path, image: np.ndarray, entry: dict, classes: Sequence[str] = CLASSES
) -> None:
    """Draw an image with its predicted boxes, and beside it the bird's-eye view of the camera.

    Boxes of classes that neither nuScenes nor a relative has are grey.

    Args:
        path: the picture to write; its suffix gives the format.
        image: (H, W, 3) the image as it is stored, RGB.
        entry: its entry of ``predictions.json``.
        classes: of the network, for the legend.
    """
    cam2img = np.array(entry["cam2img"])
    save_figure(detection_page(image, cam2img, entry_boxes(entry), classes=classes), path)


def save_pose_picture(
    path: str | Path,
    image: np.ndarray,
    samples: Sequence[ObjectPoseSample],
    names: Mapping[int, str],
    models: Mapping[int, EvaluatedModel],
) -> None:
    """Draw an image with the poses of its objects; see :func:`.object_pose_page`.

    Args:
        path: the picture to write; its suffix gives the format.
        image: (H, W, 3) the image as it is stored, RGB.
        samples: predictions of its crops.
        names: of the objects, by number.
        models: of the objects, by number, where there are any.
    """
    shown = [
        PosedObject.from_sample(each, names[each.obj_id], models.get(each.obj_id))
        for each in samples
    ]
    save_figure(object_pose_page(image, shown), path)
