"""The nuScenes attribute of each box, among those that fit its class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmdet3d.evaluation.metrics import NuScenesMetric
from nuscenes.eval.detection.constants import DETECTION_NAMES
from nuscenes.eval.detection.utils import detection_name_to_rel_attributes

from ..datasets.nuscenes_names import ATTRIBUTES


def choose_attributes(
    classes: Sequence[str],
    labels: np.ndarray,
    attr_scores: np.ndarray | None = None,
    attr_labels: np.ndarray | None = None,
) -> np.ndarray:
    """Name the attribute of every box.

    With scores, the best of the attributes that the devkit lists for the class. With labels alone,
    the label where it fits the class; otherwise the default that mmdet3d gives the class.

    Args:
        classes: detection names, by class index.
        labels: (N,) class indices.
        attr_scores: (N, 9) scores in the order of `ATTRIBUTES`, the last for none.
        attr_labels: (N,) indices into `ATTRIBUTES`, 8 for none; not looked at where there are
            scores.

    Returns:
        (N,) attribute names; '' for classes without attributes (barrier, traffic cone, and those
        that nuScenes does not know).
    """
    names = np.full(len(labels), "", dtype=object)
    for label in np.unique(labels):
        known = classes[label] in DETECTION_NAMES
        fitting = detection_name_to_rel_attributes(classes[label]) if known else ()
        if not fitting:
            continue
        members = labels == label
        columns = np.array([ATTRIBUTES.index(name) for name in fitting])
        if attr_scores is not None:
            best = columns[attr_scores[members][:, columns].argmax(axis=1)]
        else:
            best = ATTRIBUTES.index(NuScenesMetric.DefaultAttribute[classes[label]])
            if attr_labels is not None:
                given = attr_labels[members]
                best = np.where(np.isin(given, columns), given, best)
        names[members] = np.array(ATTRIBUTES, dtype=object)[best]
    return names
