import pickle
from collections import Counter

import numpy as np
import pytest
from mmdet3d.datasets.convert_utils import get_nuscenes_2d_boxes
from nuscenes.nuscenes import NuScenes
from pyquaternion import Quaternion

from epropnp_det.datasets.nuscenes_info import frame_info
from epropnp_det.datasets.nuscenes_names import CAMERAS, CLASSES


@pytest.fixture(scope="module")
def keyframe(keyframe_root) -> NuScenes:
    return NuScenes("v1.0-mini", str(keyframe_root), verbose=False)


@pytest.fixture(scope="module")
def keyframe_info(keyframe_infos) -> dict:
    return pickle.loads(keyframe_infos.read_bytes())["data_list"][0]


def _fake_info(root, index: int) -> dict:
    nusc = NuScenes("v1.0-mini", str(root), verbose=False)
    return frame_info(nusc, nusc.sample[index]["token"])


def test_camera_instances_agree_with_the_stock_converter(keyframe, keyframe_info):
    compared = 0
    for camera in CAMERAS:
        token = keyframe_info["images"][camera]["sample_data_token"]
        stock = get_nuscenes_2d_boxes(keyframe, token, ["", "1", "2", "3", "4"])
        ours = keyframe_info["cam_instances"][camera]
        assert len(ours) == len(stock)
        for a, b in zip(ours, stock, strict=True):
            assert a["bbox_label"] == b["bbox_label"]
            assert a["attr_label"] == b["attr_label"]
            assert a["bbox"] == pytest.approx(b["bbox"], abs=1e-6)
            assert a["bbox_3d"][:6] == pytest.approx(b["bbox_3d"][:6], abs=1e-9)
            # The stock yaw is taken from the other axis of a box that is tilted in the camera.
            turn = a["bbox_3d"][6] - b["bbox_3d"][6]
            assert abs(np.angle(np.exp(1j * turn))) < 0.02
            # The stock projection is in float32.
            assert a["center_2d"] == pytest.approx(b["center_2d"], abs=1e-3)
            assert a["depth"] == pytest.approx(b["depth"], abs=1e-4)
            compared += 1
    assert compared > 80


def test_class_counts_of_the_keyframe(keyframe_info):
    instances = [x for camera in CAMERAS for x in keyframe_info["cam_instances"][camera]]
    # One barrier more than the keyframe's README counts; the stock converter finds it, too.
    assert Counter(CLASSES[x["bbox_label"]] for x in instances) == {
        "pedestrian": 36,
        "barrier": 29,
        "car": 11,
        "truck": 3,
        "traffic_cone": 3,
        "bicycle": 1,
        "construction_vehicle": 1,
        "bus": 1,
    }
    assert len(keyframe_info["instances"]) == 69
    assert all(np.isnan(x["velocity"]).all() for x in instances)


def test_camera_boxes_return_to_their_annotations(keyframe, keyframe_info):
    for camera in CAMERAS:
        image = keyframe_info["images"][camera]
        cam2global = np.array(image["ego2global"]) @ np.array(image["cam2ego"])
        for x in keyframe_info["cam_instances"][camera]:
            ann = keyframe.get("sample_annotation", x["ann_token"])
            center = cam2global @ [*x["bbox_3d"][:3], 1]
            assert center[:3] == pytest.approx(ann["translation"], abs=1e-9)
            u, v, depth = np.array(image["cam2img"]) @ x["bbox_3d"][:3]
            assert [u / depth, v / depth] == pytest.approx(x["center_2d"])
            width, length, height = ann["size"]
            assert x["bbox_3d"][3:6] == [length, height, width]
            yaw = x["bbox_3d"][6]
            heading = cam2global[:3, :3] @ [np.cos(yaw), 0, -np.sin(yaw)]
            forward = Quaternion(ann["rotation"]).rotation_matrix[:, 0]
            assert heading @ forward > np.cos(0.05)
            assert x["bbox_3d_isvalid"] == (ann["num_lidar_pts"] + ann["num_radar_pts"] > 0)
            assert x["visibility"] == int(ann["visibility_token"])


def test_lidar_boxes_are_where_the_devkit_has_them(keyframe, keyframe_info):
    token = keyframe.sample[0]["data"]["LIDAR_TOP"]
    _, boxes, _ = keyframe.get_sample_data(token)
    for x, box in zip(keyframe_info["instances"], boxes, strict=True):
        assert x["bbox_3d"][:3] == pytest.approx(box.center, abs=1e-9)
        assert x["bbox_3d"][3:6] == pytest.approx(box.wlh[[1, 0, 2]])
        turn = x["bbox_3d"][6] - box.orientation.yaw_pitch_roll[0]
        assert abs(np.angle(np.exp(1j * turn))) < 1e-3


def test_lidar2cam_goes_through_both_ego_poses(keyframe_info):
    lidar = keyframe_info["lidar_points"]
    for image in keyframe_info["images"].values():
        point = np.array([3.0, 20, -1, 1])
        there = np.array(lidar["ego2global"]) @ np.array(lidar["lidar2ego"]) @ point
        back = np.array(image["ego2global"]) @ np.array(image["cam2ego"])
        back = back @ np.array(image["lidar2cam"]) @ point
        assert back == pytest.approx(there)
        assert image["ego2global"] != keyframe_info["ego2global"]


def test_a_known_velocity_is_turned_into_the_sensor_frames(fake_root):
    info = _fake_info(fake_root, 0)
    car = next(x for x in info["cam_instances"]["CAM_FRONT"] if x["bbox_label"] == 0)
    # At -0.01 s the vehicle has turned by -0.002 rad; the car drives along global x at 2 m/s.
    assert car["velocity"] == pytest.approx([-2 * np.sin(0.002), 2 * np.cos(0.002)], abs=1e-9)
    # The LiDAR's y axis is the vehicle's x axis, at 0 s without any turn.
    assert info["instances"][0]["velocity"] == pytest.approx([0, 2], abs=1e-9)


def test_unknowns_and_classes_that_are_not_detected(fake_root):
    info = _fake_info(fake_root, 0)
    car, ghost = info["cam_instances"]["CAM_FRONT"]
    assert (car["attr_label"], ghost["attr_label"]) == (6, 8)
    assert (car["visibility"], ghost["visibility"]) == (4, -1)
    assert car["bbox_3d_isvalid"] and not ghost["bbox_3d_isvalid"]
    assert np.isnan(ghost["velocity"]).all()
    assert [x["bbox_label"] for x in info["instances"]] == [0, -1, 7]
    assert info["cam_instances"]["CAM_BACK"] == []


def test_sweeps(fake_root):
    assert "lidar_sweeps" not in _fake_info(fake_root, 0)
    info = _fake_info(fake_root, 1)
    (sweep,) = info["lidar_sweeps"]
    assert sweep["timestamp"] == pytest.approx(0.4)
    assert sweep["lidar_points"]["lidar_path"].startswith("sweeps/LIDAR_TOP/")
    # In 0.1 s the vehicle drives 0.8 m along global x, turned by 0.08 rad at the sweep. The LiDAR,
    # mounted 1 m ahead, moves with the turn; its y axis is the vehicle's x axis.
    moved = np.array(sweep["lidar_points"]["lidar2sensor"]) @ [0, 0, 0, 1]
    ego = [0.8 + np.cos(0.1) - np.cos(0.08), np.sin(0.1) - np.sin(0.08)]
    c, s = np.cos(0.08), np.sin(0.08)
    forward, left = c * ego[0] + s * ego[1], -s * ego[0] + c * ego[1]
    assert moved[:3] == pytest.approx([-left, forward, 0], abs=1e-9)
