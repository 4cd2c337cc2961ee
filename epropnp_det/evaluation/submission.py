"""The detection submission: written whole or not at all, and read back by the devkit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

import numpy as np

from ..datasets.rig import NUSCENES
from ..devkits import Devkit
from ..whole_file import whole_file
from .geometry import GlobalBoxes

_MODALITIES = ("use_camera", "use_lidar", "use_radar", "use_map", "use_external")


def submission_boxes(
    sample_token: str,
    boxes: GlobalBoxes,
    names: Sequence[str],
    scores: np.ndarray,
    attributes: Sequence[str],
) -> list[dict]:
    """Entries of one sample in the nuScenes detection format.

    Args:
        sample_token: nuScenes sample.
        boxes: N boxes in the global frame.
        names: N detection names.
        scores: (N,) scores.
        attributes: N attribute names, '' for none.

    Returns:
        N dicts. The format knows no unknown velocity: one that is not finite is given as zero.
    """
    velocity = np.where(np.isfinite(boxes.velocity), boxes.velocity, 0.0)
    columns = zip(
        boxes.center.tolist(),
        boxes.size.tolist(),
        boxes.rotation.tolist(),
        velocity.tolist(),
        names,
        np.asarray(scores, dtype=float).tolist(),
        attributes,
        strict=True,
    )
    return [
        {
            "sample_token": sample_token,
            "translation": translation,
            "size": size,
            "rotation": rotation,
            "velocity": speed,
            "detection_name": name,
            "detection_score": score,
            "attribute_name": attribute,
        }
        for translation, size, rotation, speed, name, score, attribute in columns
    ]


def write_submission(
    path: str | os.PathLike,
    results: Mapping[str, list[dict]],
    modality: Mapping[str, bool],
    max_boxes: int,
    devkit: Devkit = NUSCENES.kit,
) -> None:
    """Write `results_nusc.json` and have the devkit read it before it gets its name.

    Args:
        path: file to write; its folder is made.
        results: entries by sample token; samples without detections have an empty list.
        modality: sensors in use; those of the format's five that it does not name are not.
        max_boxes: limit of boxes a sample that the devkit is asked to check.
        devkit: that of the dataset.

    Raises:
        AssertionError: the devkit rejects a box or a number of boxes.
        ValueError: a number is not finite.
    """
    content = {
        "meta": {key: bool(modality.get(key, False)) for key in _MODALITIES},
        "results": results,
    }
    with whole_file(path) as draft:
        with draft.open("w") as file:
            json.dump(content, file, allow_nan=False)
        load = devkit.module("eval.common.loaders").load_prediction
        load(str(draft), max_boxes, devkit.module("eval.detection.data_classes").DetectionBox)
