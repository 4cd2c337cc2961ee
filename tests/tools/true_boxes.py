"""Ground truth as predictions of images."""

import numpy as np
import torch
from mmdet3d.structures import CameraInstance3DBoxes
from pyquaternion import Quaternion

from epropnp_det.datasets.nuscenes_names import ATTRIBUTES, CLASSES

HALF_VIEW = 35  # degrees


def data_sample(sample_idx: int, boxes, names=(), attributes=(), scores=None) -> dict:
    """A prediction in the form that mmengine's evaluator hands to metrics."""
    dim = len(boxes[0]) if len(boxes) else 9
    boxes = np.asarray(boxes, dtype=np.float32)
    attr_labels = [ATTRIBUTES.index(name) if name else 8 for name in attributes]
    return {
        "sample_idx": sample_idx,
        "pred_instances": {},
        "pred_instances_3d": {
            "bboxes_3d": CameraInstance3DBoxes(boxes.reshape(-1, dim), box_dim=dim),
            "scores_3d": torch.rand(len(names)) if scores is None else torch.tensor(scores),
            "labels_3d": torch.tensor([CLASSES.index(name) for name in names]).long(),
            "attr_labels": torch.tensor(attr_labels).long(),
        },
    }


def in_camera(objects, image: dict, half_view: float, box_dim: int = 9):
    """Boxes (N, box_dim) in the frame of a level camera, with their classes and attributes."""
    rows, names, attributes = [], [], []
    for name, attribute, truth in objects:
        box = truth.copy()
        for pose in (np.array(image["ego2global"]), np.array(image["cam2ego"])):
            box.translate(-pose[:3, 3])
            box.rotate(Quaternion(matrix=pose[:3, :3], atol=1e-6).inverse)
        x, y, z = box.center
        if abs(np.degrees(np.arctan2(x, z))) > half_view:
            continue
        width, length, height = box.wlh
        heading = box.orientation.rotate([1, 0, 0])
        yaw = np.arctan2(-heading[2], heading[0])
        velocity = box.velocity[[0, 2]]
        row = [x, y + height / 2, z, length, height, width, yaw, *velocity]
        rows.append(row[:box_dim])
        names.append(name)
        attributes.append(attribute)
    return rows, names, attributes
