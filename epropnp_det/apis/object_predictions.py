"""Poses of known objects as JSON: the schema and the entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..structures import ObjectPoses, ObjectPoseSample
from .inputs import CameraImage
from .json_schema import NUMBER, array_of, object_of, or_null

_OBJECT = object_of(
    {
        "obj_id": {"type": "integer", "description": "number of the object, as BOP counts"},
        "name": {"type": "string", "description": "of the object, its number where it has none"},
        "box": {
            **array_of(4, NUMBER),
            "description": "x, y, width, height as given, pixels",
        },
        "score": {"type": "number", "description": "of the box's detection, 1 where there is none"},
        "valid": {"type": "boolean", "description": "whether the crop determines a pose"},
        "rotation": or_null(
            array_of(3, array_of(3, NUMBER)),
            "row by row, from the model's frame to the camera's (right, down, forward)",
        ),
        "quaternion": or_null(array_of(4, NUMBER), "the same rotation, (w, i, j, k)"),
        "translation": or_null(array_of(3, NUMBER), "of the model's origin, camera frame, metres"),
        "covariance": or_null(
            array_of(6, array_of(6, NUMBER)),
            "of the posterior at the pose: x, y, z in metres, then the steps d about the camera's "
            "axes, which turn by 2 d radians",
        ),
        "cost": or_null(NUMBER, "negative log-likelihood of the pose"),
    }
)
_IMAGE = object_of(
    {
        "path": {"type": "string", "description": "the image's file"},
        "scene_id": {"type": "integer", "description": "of a data set in BOP's format"},
        "im_id": {"type": "integer", "description": "likewise, within the scene"},
        "cam2img": {
            **array_of(3, array_of(3, NUMBER)),
            "description": "camera matrix, pixels; the middle of the top left one is (0, 0)",
        },
        "objects": {"type": "array", "items": _OBJECT, "description": "in the order of the boxes"},
    },
    optional=("scene_id", "im_id"),
)

OBJECT_POSES_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Poses of known objects, of EPro-PnP-6DoF",
    **object_of(
        {
            "version": {"const": 1},
            "config": {"type": "string", "description": "file that describes the network"},
            "checkpoint": {"type": "string", "description": "file of its weights"},
            "images": {"type": "array", "items": _IMAGE},
        }
    ),
}
"""JSON Schema of the ``predictions.json`` of a 6 DoF network; null stands where a crop determines
no pose."""


def object_entry(
    image: CameraImage, samples: Sequence[ObjectPoseSample], names: Mapping[int, str]
) -> dict:
    """Entry of one image, as ``OBJECT_POSES_SCHEMA`` has it.

    Args:
        image: the image.
        samples: predictions of its N crops.
        names: of the objects, by number.

    Returns:
        Plain lists, numbers and strings.
    """
    poses = ObjectPoses.from_samples(samples)
    told = {
        "rotation": poses.rotation,
        "quaternion": poses.quaternion,
        "translation": poses.translation,
        "covariance": poses.covariance,
        "cost": poses.cost,
    }
    return {
        "path": image.path,
        **image.source,
        "cam2img": np.asarray(image.cam2img).tolist(),
        "objects": [
            {
                "obj_id": int(poses.obj_id[i]),
                "name": names[sample.obj_id],
                "box": np.asarray(sample.box).tolist(),
                "score": float(sample.score),
                "valid": bool(poses.valid[i]),
                **{
                    key: value[i].tolist() if poses.valid[i] else None
                    for key, value in told.items()
                },
            }
            for i, sample in enumerate(samples)
        ],
    }
