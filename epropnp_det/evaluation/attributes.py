"""The attribute of each box, among those that fit its class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmdet3d.evaluation.metrics import NuScenesMetric

from ..datasets.rig import NUSCENES, Rig


def choose_attributes(
    classes: Sequence[str],
    labels: np.ndarray,
    attr_scores: np.ndarray | None = None,
    attr_labels: np.ndarray | None = None,
    rig: Rig = NUSCENES,
) -> np.ndarray:
    """Name the attribute of every box.

    With scores, the best of the attributes that the devkit lists for the class. With labels alone,
    the label where it fits the class; otherwise the default that mmdet3d gives the class, the
    devkit's first where it gives none.

    Args:
        classes: detection names, by class index.
        labels: (N,) class indices.
        attr_scores: (N, A + 1) scores in the order of the rig's A attributes, the last for none.
        attr_labels: (N,) indices of these, A for none; not looked at where there are scores.
        rig: of the dataset, nuScenes' 8 attributes by default.

    Returns:
        (N,) attribute names; '' for classes without attributes (barrier, traffic cone, and those
        that the devkit does not know).
    """
    names = np.full(len(labels), "", dtype=object)
    for label in np.unique(labels):
        fitting = [
            name for name in rig.kit.fitting_attributes(classes[label]) if name in rig.attributes
        ]
        if not fitting:
            continue
        members = labels == label
        columns = np.array([rig.attributes.index(name) for name in fitting])
        if attr_scores is not None:
            best = columns[attr_scores[members][:, columns].argmax(axis=1)]
        else:
            default = NuScenesMetric.DefaultAttribute.get(classes[label])
            best = rig.attributes.index(default if default in fitting else fitting[0])
            if attr_labels is not None:
                given = attr_labels[members]
                best = np.where(np.isin(given, columns), given, best)
        names[members] = np.array(rig.attributes, dtype=object)[best]
    return names
