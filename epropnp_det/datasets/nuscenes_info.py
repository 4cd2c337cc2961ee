"""One nuScenes frame as an mmdet3d v2 info dict, from the devkit's tables.

The fields and their meaning are those of the info files that mmdet3d's own converter writes, so
the stock ``NuScenesDataset`` reads them. In addition a camera carries the ego pose at its own
timestamp, and a camera instance its visibility, truncation, point counts and tokens.

Frames: a 4x4 matrix ``a2b`` takes homogeneous points from frame a to frame b. Metres, radians,
seconds, pixels. The camera frame is x right, y down, z forward.
"""

from dataclasses import dataclass

import numpy as np
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.geometry_utils import transform_matrix
from pyquaternion import Quaternion

from .box_projection import box_corners, project_box
from .nuscenes_names import ATTRIBUTES, CAMERAS, CLASSES, LIDAR, LIDAR_FEATURES, NO_ATTRIBUTE


@dataclass(frozen=True)
class SensorPose:
    """Where a sensor was when it recorded.

    Attributes:
        sensor2ego: (4, 4) calibration.
        ego2global: (4, 4) pose of the vehicle at the sensor's own timestamp.
    """

    sensor2ego: np.ndarray
    ego2global: np.ndarray

    @classmethod
    def of(cls, nusc: NuScenes, sample_data_token: str) -> "SensorPose":
        """Pose of the sensor that recorded a ``sample_data`` entry."""
        data = nusc.get("sample_data", sample_data_token)
        sensor = nusc.get("calibrated_sensor", data["calibrated_sensor_token"])
        ego = nusc.get("ego_pose", data["ego_pose_token"])
        return cls(
            *(transform_matrix(r["translation"], Quaternion(r["rotation"])) for r in (sensor, ego))
        )

    @property
    def global2sensor(self) -> np.ndarray:
        return np.linalg.inv(self.ego2global @ self.sensor2ego)

    def to(self, other: "SensorPose") -> np.ndarray:
        """(4, 4) transform from this sensor to another, through the global frame."""
        return other.global2sensor @ self.ego2global @ self.sensor2ego


def frame_info(nusc: NuScenes, sample_token: str, max_sweeps: int = 10) -> dict:
    """Info dict of one keyframe, without ``sample_idx``, which numbers frames within a file.

    Args:
        nusc: The devkit's tables.
        sample_token: Token of the keyframe.
        max_sweeps: At most so many earlier LiDAR sweeps are listed.

    Returns:
        The v2 info dict. A version without annotations (``v1.0-test``) has an empty ``instances``
        and no ``cam_instances``.
    """
    sample = nusc.get("sample", sample_token)
    lidar_token = sample["data"][LIDAR]
    lidar = SensorPose.of(nusc, lidar_token)
    info = {
        "token": sample_token,
        "timestamp": sample["timestamp"] / 1e6,
        "ego2global": lidar.ego2global.tolist(),
        "images": {cam: camera_info(nusc, sample["data"][cam], lidar) for cam in CAMERAS},
        "lidar_points": {
            "num_pts_feats": LIDAR_FEATURES,
            "lidar_path": _file_name(nusc, lidar_token),
            "lidar2ego": lidar.sensor2ego.tolist(),
            "ego2global": lidar.ego2global.tolist(),
        },
        "instances": [lidar_instance(nusc, token, lidar) for token in sample["anns"]],
    }
    # The stock sweep loader pads only when the key is absent.
    if sweeps := lidar_sweeps(nusc, lidar_token, max_sweeps):
        info["lidar_sweeps"] = sweeps
    if not nusc.version.endswith("test"):
        info["cam_instances"] = {
            cam: camera_instances(nusc, sample["data"][cam]) for cam in CAMERAS
        }
    return info


def camera_info(nusc: NuScenes, sample_data_token: str, lidar: SensorPose) -> dict:
    """Entry of ``images``: file name, size, intrinsics, calibration, and own ego pose.

    Args:
        nusc: The devkit's tables.
        sample_data_token: Token of the image.
        lidar: Pose of the frame's LiDAR sweep, for ``lidar2cam``.
    """
    data = nusc.get("sample_data", sample_data_token)
    camera = SensorPose.of(nusc, sample_data_token)
    return {
        "img_path": _file_name(nusc, sample_data_token),
        "height": data["height"],
        "width": data["width"],
        "cam2img": _intrinsics(nusc, data).tolist(),
        "cam2ego": camera.sensor2ego.tolist(),
        "ego2global": camera.ego2global.tolist(),
        "lidar2cam": lidar.to(camera).tolist(),
        "sample_data_token": sample_data_token,
        "timestamp": data["timestamp"] / 1e6,
    }


def lidar_sweeps(nusc: NuScenes, lidar_token: str, max_sweeps: int) -> list[dict]:
    """Entries of ``lidar_sweeps``: at most ``max_sweeps`` before the keyframe, latest first."""
    key = SensorPose.of(nusc, lidar_token)
    sweeps = []
    token = nusc.get("sample_data", lidar_token)["prev"]
    while token and len(sweeps) < max_sweeps:
        data = nusc.get("sample_data", token)
        pose = SensorPose.of(nusc, token)
        sweeps.append(
            {
                "timestamp": data["timestamp"] / 1e6,
                "ego2global": pose.ego2global.tolist(),
                "sample_data_token": token,
                "lidar_points": {
                    "lidar_path": data["filename"],
                    "lidar2ego": pose.sensor2ego.tolist(),
                    "lidar2sensor": key.to(pose).tolist(),
                },
            }
        )
        token = data["prev"]
    return sweeps


def lidar_instance(nusc: NuScenes, ann_token: str, lidar: SensorPose) -> dict:
    """Entry of ``instances``: one annotation in the LiDAR frame.

    ``bbox_3d`` is the gravity centre, l, w, h and the yaw about the LiDAR's z axis; ``velocity`` is
    (vx, vy), NaN where unknown. Categories that are not detected have label -1.
    """
    ann = nusc.get("sample_annotation", ann_token)
    center, rotation = _object_pose(ann, lidar.global2sensor)
    width, length, height = ann["size"]
    yaw = np.arctan2(rotation[1, 0], rotation[0, 0])
    name = category_to_detection_name(ann["category_name"])
    label = -1 if name is None else CLASSES.index(name)
    return {
        "bbox_3d": [*center.tolist(), length, width, height, float(yaw)],
        "bbox_label": label,
        "bbox_label_3d": label,
        "velocity": _velocity(nusc, ann_token, lidar.global2sensor)[[0, 1]].tolist(),
        **_point_counts(ann),
    }


def camera_instances(nusc: NuScenes, sample_data_token: str) -> list[dict]:
    """Entries of ``cam_instances`` of one camera: the detected classes' boxes that its image shows.

    ``bbox_3d`` is the gravity centre, l, h, w and yaw in the camera frame at the camera's own ego
    pose; the heading is (cos yaw, 0, -sin yaw), that of the box's forward axis projected to the xz
    plane. ``velocity`` is (vx, vz), NaN where unknown. Boxes of any visibility are kept; those
    whose centre is not in front of the camera, or of which the image shows nothing, are not.
    """
    data = nusc.get("sample_data", sample_data_token)
    global2cam = SensorPose.of(nusc, sample_data_token).global2sensor
    cam2img = _intrinsics(nusc, data)
    instances = []
    for ann_token in nusc.get("sample", data["sample_token"])["anns"]:
        ann = nusc.get("sample_annotation", ann_token)
        name = category_to_detection_name(ann["category_name"])
        center, rotation = _object_pose(ann, global2cam)
        if name is None or center[2] <= 0:
            continue
        width, length, height = ann["size"]
        corners = box_corners(center, np.array([length, width, height]), rotation)
        shown = project_box(corners, cam2img, (data["width"], data["height"]))
        if shown is None:
            continue
        u, v, depth = cam2img @ center
        instances.append(
            {
                "bbox": list(shown.bbox),
                "bbox_label": CLASSES.index(name),
                "bbox_label_3d": CLASSES.index(name),
                "bbox_3d": [
                    *center.tolist(),
                    length,
                    height,
                    width,
                    float(np.arctan2(-rotation[2, 0], rotation[0, 0])),
                ],
                "center_2d": [float(u / depth), float(v / depth)],
                "depth": float(depth),
                "velocity": _velocity(nusc, ann_token, global2cam)[[0, 2]].tolist(),
                "attr_label": _attribute_label(nusc, ann),
                "truncation": shown.truncation,
                "visibility": int(ann["visibility_token"] or -1),
                "instance_token": ann["instance_token"],
                "ann_token": ann_token,
                **_point_counts(ann),
            }
        )
    return instances


def _file_name(nusc: NuScenes, sample_data_token: str) -> str:
    return nusc.get("sample_data", sample_data_token)["filename"].rsplit("/", 1)[-1]


def _intrinsics(nusc: NuScenes, data: dict) -> np.ndarray:
    sensor = nusc.get("calibrated_sensor", data["calibrated_sensor_token"])
    return np.array(sensor["camera_intrinsic"])


def _object_pose(ann: dict, global2sensor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre (3,) and object axes (3, 3, columns: forward, left, up) in a sensor's frame."""
    pose = global2sensor @ transform_matrix(ann["translation"], Quaternion(ann["rotation"]))
    return pose[:3, 3], pose[:3, :3]


def _velocity(nusc: NuScenes, ann_token: str, global2sensor: np.ndarray) -> np.ndarray:
    """(3,) velocity in a sensor's frame; the benchmark knows none along the global z axis."""
    return global2sensor[:3, :2] @ nusc.box_velocity(ann_token)[:2]


def _attribute_label(nusc: NuScenes, ann: dict) -> int:
    if not ann["attribute_tokens"]:
        return NO_ATTRIBUTE
    return ATTRIBUTES.index(nusc.get("attribute", ann["attribute_tokens"][0])["name"])


def _point_counts(ann: dict) -> dict:
    lidar, radar = int(ann["num_lidar_pts"]), int(ann["num_radar_pts"])
    return {
        "num_lidar_pts": lidar,
        "num_radar_pts": radar,
        "bbox_3d_isvalid": lidar + radar > 0,
    }
