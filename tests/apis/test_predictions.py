import math

import numpy as np
import pytest
import torch
from mmdet3d.structures import CameraInstance3DBoxes
from mmengine.structures import InstanceData

from epropnp_det.apis.inputs import CameraImage
from epropnp_det.apis.predictions import PREDICTIONS_SCHEMA, image_entry

CLASSES = ("car", "pedestrian", "barrier")
IMAGE = CameraImage("a.mp4", np.diag([500.0, 500, 1]), {"frame": 7})


def detections(rows: list[list[float]], labels: list[int], **fields: torch.Tensor) -> InstanceData:
    boxes = torch.tensor(rows).reshape(len(rows), -1 if rows else 9)
    return InstanceData(
        bboxes_3d=CameraInstance3DBoxes(boxes, box_dim=boxes.shape[1], origin=(0.5, 0.5, 0.5)),
        labels_3d=torch.tensor(labels, dtype=torch.long),
        scores_3d=torch.linspace(0.9, 0.5, len(labels)),
        **fields,
    )


CAR = [1.0, 2.0, 10.0, 4.0, 1.5, 2.0, 0.3, 3.0, -1.0]


def test_all_that_the_network_tells():
    covariance = torch.arange(16.0).reshape(1, 4, 4)
    attributes = torch.zeros(1, 9)
    attributes[0, 6], attributes[0, 2] = 0.6, 0.9  # a pedestrian's does not fit a car
    found = detections([CAR], [0], pose_covariance=covariance, attr_scores=attributes)
    entry = image_entry(IMAGE, found, CLASSES, 0.1)
    (box,) = entry.pop("boxes")
    assert entry == {"path": "a.mp4", "frame": 7, "cam2img": IMAGE.cam2img.tolist()}
    assert box["center"] == pytest.approx([1, 2, 10])
    assert box["size"] == pytest.approx([4, 1.5, 2])
    assert box["yaw"] == pytest.approx(0.3)
    assert box["velocity"] == [3, -1]
    assert box["attribute"] == "vehicle.parked"
    assert box["pose_covariance"] == covariance[0].tolist()
    assert (box["name"], box["score"]) == ("car", pytest.approx(0.9))


def test_what_is_not_told_is_null():
    (box,) = image_entry(IMAGE, detections([CAR[:7]], [2]), CLASSES, 0.1)["boxes"]
    assert box["velocity"] is box["attribute"] is box["pose_covariance"] is None
    endless = torch.full((1, 4, 4), math.inf)
    unknown = detections([[*CAR[:7], math.nan, 0]], [0], pose_covariance=endless)
    (box,) = image_entry(IMAGE, unknown, CLASSES, 0.1)["boxes"]
    assert box["velocity"] is box["pose_covariance"] is None


def test_boxes_that_are_left_out():
    sizeless, lost = [*CAR[:3], 0.0, *CAR[4:]], [math.nan, *CAR[1:]]
    found = detections([CAR, sizeless, lost, CAR], [0, 0, 0, 1])
    names = [box["name"] for box in image_entry(IMAGE, found, CLASSES, 0.1)["boxes"]]
    assert names == ["car", "pedestrian"]
    assert len(image_entry(IMAGE, found, CLASSES, 0.6)["boxes"]) == 1
    assert image_entry(IMAGE, detections([], []), CLASSES, 0.1)["boxes"] == []


def test_schema():
    """It takes what is right and refuses what is not."""
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(PREDICTIONS_SCHEMA)
    check.check_schema(PREDICTIONS_SCHEMA)
    entry = image_entry(IMAGE, detections([CAR, CAR[:9]], [0, 2]), CLASSES, 0.1)
    content = dict(version=1, config="a.py", checkpoint="a.pth", score_thr=0.1, images=[entry])
    check.validate(content)
    for key, value in (("score", 1.5), ("size", [1, 2]), ("velocity", 0), ("name", None)):
        wrong = dict(entry, boxes=[dict(entry["boxes"][0], **{key: value})])
        assert not check.is_valid(dict(content, images=[wrong])), key
    assert not check.is_valid(dict(content, more=1))
    assert not check.is_valid(dict(content, images=[{"path": "a.jpg"}]))
