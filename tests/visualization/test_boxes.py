import numpy as np
import pytest
import torch
from mmdet3d.structures import CameraInstance3DBoxes

from epropnp_det.visualization import BoxSet

CAMERA = np.array([[3.0, 1.0, 12.0, 4.0, 1.5, 2.0, 0.7], [-1.0, 0.5, 8.0, 1.0, 2.0, 0.5, -2.0]])


def test_corners_are_in_the_stated_order(camera_boxes):
    boxes = camera_boxes(CAMERA, ["car", "pedestrian"])
    for corners, box in zip(boxes.corners, CAMERA, strict=True):
        np.testing.assert_allclose(corners.mean(0), box[:3])
        forward = corners[:4].mean(0) - corners[4:].mean(0)
        yaw = box[6]
        expected = box[3] * np.array([np.cos(yaw), 0, -np.sin(yaw)])
        np.testing.assert_allclose(forward, expected, atol=1e-12)
        down = corners[[2, 3, 6, 7]].mean(0) - corners[[0, 1, 4, 5]].mean(0)
        np.testing.assert_allclose(down, [0, box[4], 0], atol=1e-12)
        assert np.linalg.norm(corners[0] - corners[1]) == pytest.approx(box[5])


def test_transform(camera_boxes):
    boxes = camera_boxes(CAMERA, ["car", "pedestrian"], np.array([0.9, 0.1]))
    shift = np.eye(4)
    shift[:3, 3] = 1, 2, 3
    moved = boxes.transformed(shift)
    np.testing.assert_allclose(moved.corners, boxes.corners + [1, 2, 3])
    assert moved.names == boxes.names and moved.scores.tolist() == [0.9, 0.1]


def test_empty_set():
    boxes = BoxSet.from_devkit([], [])
    assert len(boxes) == 0 and boxes.transformed(np.eye(4)).corners.shape == (0, 8, 3)


def test_lengths_must_agree(camera_boxes):
    with pytest.raises(ValueError, match="names"):
        camera_boxes(CAMERA, ["car"])
    with pytest.raises(ValueError, match="scores"):
        camera_boxes(CAMERA, ["car", "car"], np.ones(3))


def test_corners_of_camera_boxes_are_those_of_mmdet3d():
    ours = BoxSet.from_camera(CAMERA, ["car", "pedestrian"]).corners
    theirs = CameraInstance3DBoxes(torch.tensor(CAMERA), origin=(0.5, 0.5, 0.5)).corners.numpy()
    for own, other in zip(ours, theirs, strict=True):
        apart = np.linalg.norm(own[:, None] - other, axis=-1)
        np.testing.assert_allclose(apart.min(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(apart.min(axis=1), 0, atol=1e-5)
    assert len(BoxSet.from_camera(np.zeros((0, 7)), [])) == 0
