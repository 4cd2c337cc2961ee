import numpy as np
import pytest
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from epropnp_det.visualization import BoxSet

CAMERA = np.array([[3.0, 1.0, 12.0, 4.0, 1.5, 2.0, 0.7], [-1.0, 0.5, 8.0, 1.0, 2.0, 0.5, -2.0]])


def test_camera_boxes_face_their_yaw_and_keep_their_size():
    boxes = BoxSet.from_camera(CAMERA, ["car", "pedestrian"])
    for corners, box in zip(boxes.corners, CAMERA, strict=True):
        np.testing.assert_allclose(corners.mean(0), box[:3])
        forward = corners[:4].mean(0) - corners[4:].mean(0)
        yaw = box[6]
        np.testing.assert_allclose(forward, box[3] * np.array([np.cos(yaw), 0, -np.sin(yaw)]))
        down = corners[[2, 3, 6, 7]].mean(0) - corners[[0, 1, 4, 5]].mean(0)
        np.testing.assert_allclose(down, [0, box[4], 0], atol=1e-12)
        assert np.linalg.norm(corners[0] - corners[1]) == pytest.approx(box[5])


def test_camera_and_devkit_corners_agree():
    x, y, z, length, height, width, yaw = CAMERA[0]
    # The devkit's object frame: x forward, y left, z up.
    axes = np.array([[np.cos(yaw), np.sin(yaw), 0], [0, 0, -1], [-np.sin(yaw), np.cos(yaw), 0]])
    devkit = Box([x, y, z], [width, length, height], Quaternion(matrix=axes))
    np.testing.assert_allclose(
        BoxSet.from_camera(CAMERA[:1], ["car"]).corners,
        BoxSet.from_devkit([devkit], ["car"]).corners,
        atol=1e-9,
    )


def test_selection_and_transform():
    boxes = BoxSet.from_camera(CAMERA, ["car", "pedestrian"], np.array([0.9, 0.1]))
    chosen = boxes[boxes.scores < 0.5]
    assert chosen.names == ("pedestrian",) and chosen.scores.tolist() == [0.1]
    shift = np.eye(4)
    shift[:3, 3] = 1, 2, 3
    np.testing.assert_allclose(boxes.transformed(shift).corners, boxes.corners + [1, 2, 3])


def test_empty_set():
    for boxes in (BoxSet.from_camera(np.empty((0, 7)), []), BoxSet.from_devkit([], [])):
        assert len(boxes) == 0 and boxes.transformed(np.eye(4)).corners.shape == (0, 8, 3)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="names"):
        BoxSet.from_camera(CAMERA, ["car"])
    with pytest.raises(ValueError, match="scores"):
        BoxSet.from_camera(CAMERA, ["car", "car"], np.ones(3))
