"""Predictions as JSON: the schema, the entries, and the file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.structures import InstanceData
from torch import Tensor

from ..datasets.rig import NUSCENES, Rig
from ..evaluation.attributes import choose_attributes
from .inputs import CameraImage
from .json_schema import NUMBER, array_of, object_of, or_null

_POSITIVE = {"type": "number", "exclusiveMinimum": 0}

_BOX = object_of(
    {
        "name": {"type": "string", "description": "class"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "center": {
            **array_of(3, NUMBER),
            "description": "gravity centre (x, y, z), camera frame (right, down, forward), metres",
        },
        "size": {**array_of(3, _POSITIVE), "description": "length, height, width, metres"},
        "yaw": {
            **NUMBER,
            "description": "rotation about the camera's y axis, radians; the box faces "
            "(cos yaw, 0, -sin yaw)",
        },
        "velocity": or_null(array_of(2, NUMBER), "(vx, vz), camera frame, m/s"),
        "attribute": or_null({"type": "string"}, "of the dataset; null where the class has none"),
        "pose_covariance": or_null(
            array_of(4, array_of(4, NUMBER)),
            "of (x, y, z, yaw) of the posterior at its mode, metres and radians",
        ),
    }
)
_IMAGE = object_of(
    {
        "path": {"type": "string", "description": "the image's or the video's file"},
        "frame": {"type": "integer", "minimum": 0, "description": "of a video, from 0"},
        "sample_token": {"type": "string", "description": "nuScenes sample, of an info file"},
        "camera": {"type": "string", "description": "nuScenes camera, of an info file"},
        "cam2img": {
            **array_of(3, array_of(3, NUMBER)),
            "description": "camera matrix of the image as it is stored or turned, pixels",
        },
        "homography": {
            **array_of(3, array_of(3, NUMBER)),
            "description": "of the image of a tilted camera: from its pixels, (u, v, 1), to those "
            "of the level camera whose matrix cam2img is and whose boxes these are",
        },
        "boxes": {"type": "array", "items": _BOX, "description": "best first"},
    },
    optional=("frame", "sample_token", "camera", "homography"),
)

PREDICTIONS_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Predictions of EPro-PnP-Det",
    **object_of(
        {
            "version": {"const": 1},
            "config": {"type": "string", "description": "file that describes the network"},
            "checkpoint": {"type": "string", "description": "file of its weights"},
            "score_thr": {"type": "number", "description": "boxes of lower score are left out"},
            "images": {"type": "array", "items": _IMAGE},
        }
    ),
}
"""JSON Schema of ``predictions.json``; an entry of ``images`` is what the inferencer returns."""


def image_entry(
    image: CameraImage,
    found: InstanceData,
    classes: Sequence[str],
    score_thr: float,
    rig: Rig = NUSCENES,
) -> dict:
    """Entry of one image, as ``PREDICTIONS_SCHEMA`` has it.

    Args:
        image: the image.
        found: the network's ``pred_instances_3d`` of it: camera boxes, best first.
        classes: class names by label.
        score_thr: boxes of lower score are left out.
        rig: dataset whose attributes the network learnt.

    Returns:
        Plain lists, numbers and strings. Boxes that are not finite or have no size are left out. A
        velocity or covariance that is not finite, or that the network does not tell, is None.
    """
    geometry = found.bboxes_3d.tensor[:, :7]
    sound = geometry.isfinite().all(1) & (geometry[:, 3:6] > 0).all(1)
    found = found[sound & (found.scores_3d >= score_thr)].to("cpu")
    boxes, labels = found.bboxes_3d, found.labels_3d.numpy()
    attr_scores = found.attr_scores.numpy() if "attr_scores" in found else None
    attr_labels = found.attr_labels.numpy() if "attr_labels" in found else None
    covariance = found.get("pose_covariance", boxes.tensor.new_empty(len(boxes), 0))
    attributes = choose_attributes(classes, labels, attr_scores, attr_labels, rig)
    return {
        "path": image.path,
        **image.source,
        "cam2img": np.asarray(image.cam2img).tolist(),
        **({} if image.homography is None else {"homography": image.homography.tolist()}),
        "boxes": [
            {
                "name": classes[label],
                "score": found.scores_3d[i].item(),
                "center": boxes.gravity_center[i].tolist(),
                "size": boxes.dims[i].tolist(),
                "yaw": boxes.yaw[i].item(),
                "velocity": _told(boxes.tensor[i, 7:9]),
                "attribute": attributes[i] or None,
                "pose_covariance": _told(covariance[i]),
            }
            for i, label in enumerate(labels)
        ],
    }


def _told(values: Tensor) -> list | None:
    return values.tolist() if values.numel() and values.isfinite().all() else None
