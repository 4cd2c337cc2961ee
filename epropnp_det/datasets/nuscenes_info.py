"""One nuScenes frame as an mmdet3d v2 info dict, from the devkit's tables.

The fields and their meaning are those of the info files that mmdet3d's own converter writes, so
the stock ``NuScenesDataset`` reads them. In addition a camera carries the ego pose at its own
timestamp, and a camera instance its visibility, truncation, point counts and tokens.

Frames: a 4x4 matrix ``a2b`` takes homogeneous points from frame a to frame b. Metres, radians,
seconds, pixels. The camera frame is x right, y down, z forward.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from nuscenes.nuscenes import NuScenes

from .box_projection import box_corners, project_boxes
from .levelling import LevelView
from .nuscenes_names import CAMERAS, LIDAR, LIDAR_FEATURES
from .nuscenes_objects import FrameObjects
from .rig import NUSCENES, Rig
from .rigid_transforms import rigid_transforms


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
        return cls.of_all(nusc, [nusc.get("sample_data", sample_data_token)])[0]

    @classmethod
    def of_all(cls, nusc: NuScenes, records: list[dict]) -> list["SensorPose"]:
        """Poses of the sensors that recorded some rows of ``sample_data``."""
        sensors = [nusc.get("calibrated_sensor", r["calibrated_sensor_token"]) for r in records]
        egos = [nusc.get("ego_pose", r["ego_pose_token"]) for r in records]
        matrices = rigid_transforms(
            *(
                np.array([row[name] for row in sensors + egos])
                for name in ("translation", "rotation")
            )
        )
        return [cls(*pair) for pair in zip(*np.split(matrices, 2), strict=True)]

    @cached_property
    def global2sensor(self) -> np.ndarray:
        return np.linalg.inv(self.ego2global @ self.sensor2ego)

    def of_vehicle(self) -> "SensorPose":
        """The vehicle's own pose at the same time."""
        return SensorPose(np.eye(4), self.ego2global)

    def to(self, other: "SensorPose") -> np.ndarray:
        """(4, 4) transform from this sensor to another, through the global frame."""
        return other.global2sensor @ self.ego2global @ self.sensor2ego


def frame_info(
    nusc: NuScenes,
    sample_token: str,
    max_sweeps: int = 10,
    level: bool = False,
    rig: Rig = NUSCENES,
) -> dict:
    """Info dict of one keyframe, without ``sample_idx``, which numbers frames within a file.

    Args:
        nusc: The devkit's tables.
        sample_token: Token of the keyframe.
        max_sweeps: At most so many earlier LiDAR sweeps are listed.
        level: Describe level cameras in the place of tilted ones; the images get the
            ``homography`` by which :class:`LevelImage` turns them.
        rig: The dataset's sensors and names.

    Returns:
        The v2 info dict. A version without annotations (``v1.0-test``) has an empty ``instances``
        and no ``cam_instances``. Without a LiDAR there are no ``lidar_points``, and what would be
        in its frame is in the vehicle's at the time of the first camera.
    """
    sample = nusc.get("sample", sample_token)
    channels = cameras_of(nusc, sample, rig)
    records = [nusc.get("sample_data", sample["data"][channel]) for channel in channels]
    sweeps = _sweeps(nusc, sample["data"].get(rig.lidar), max_sweeps)
    poses = SensorPose.of_all(nusc, records + sweeps)
    cameras, sweep_poses = poses[: len(records)], poses[len(records) :]
    lidar = sweep_poses[0] if sweeps else cameras[0].of_vehicle()
    objects = FrameObjects.of(nusc, sample["anns"], rig)
    images = [camera_info(nusc, *pair, lidar) for pair in zip(records, cameras, strict=True)]
    if level:
        views = [_level_view(image) for image in images]
        cameras = [
            SensorPose(view.camera2ego, camera.ego2global)
            for view, camera in zip(views, cameras, strict=True)
        ]
        images = [_levelled(*each, lidar) for each in zip(images, views, cameras, strict=True)]
    info = {
        "token": sample_token,
        "timestamp": sample["timestamp"] / 1e6,
        "ego2global": lidar.ego2global.tolist(),
        "images": dict(zip(channels, images, strict=True)),
        "instances": lidar_instances(objects, lidar),
    }
    if sweeps:
        info["lidar_points"] = {
            "num_pts_feats": LIDAR_FEATURES,
            "lidar_path": _lidar_path(sweeps[0]),
            "lidar2ego": lidar.sensor2ego.tolist(),
            "ego2global": lidar.ego2global.tolist(),
        }
    # The stock sweep loader pads only when the key is absent.
    if sweeps[1:]:
        pairs = zip(sweeps[1:], sweep_poses[1:], strict=True)
        info["lidar_sweeps"] = [lidar_sweep(*pair, lidar) for pair in pairs]
    if not nusc.version.endswith("test"):
        info["cam_instances"] = {
            name: camera_instances(objects, camera, image)
            for name, camera, image in zip(channels, cameras, images, strict=True)
        }
    return info


def cameras_of(nusc: NuScenes, sample: dict, rig: Rig = NUSCENES) -> list[str]:
    """Cameras of a sample: those of the rig in their order, then others by name."""
    found = {
        channel
        for channel, token in sample["data"].items()
        if nusc.get("sample_data", token)["sensor_modality"] == "camera"
    }
    return [*(name for name in rig.cameras if name in found), *sorted(found - set(rig.cameras))]


def sensors_of(nusc: NuScenes, sample: dict, rig: Rig = NUSCENES) -> list[str]:
    """Cameras of a sample, and its LiDAR."""
    lidar = [rig.lidar] if rig.lidar in sample["data"] else []
    return [*cameras_of(nusc, sample, rig), *lidar]


def camera_info(nusc: NuScenes, record: dict, camera: SensorPose, lidar: SensorPose) -> dict:
    """Entry of ``images``: file name, size, intrinsics, calibration, and own ego pose.

    Args:
        nusc: The devkit's tables.
        record: The image's row of ``sample_data``.
        camera: Its camera's pose.
        lidar: Pose of the frame's LiDAR sweep, for ``lidar2cam``.
    """
    sensor = nusc.get("calibrated_sensor", record["calibrated_sensor_token"])
    return {
        "img_path": _image_path(record),
        "height": record["height"],
        "width": record["width"],
        "cam2img": np.array(sensor["camera_intrinsic"]).tolist(),
        "cam2ego": camera.sensor2ego.tolist(),
        "ego2global": camera.ego2global.tolist(),
        "lidar2cam": lidar.to(camera).tolist(),
        "sample_data_token": record["token"],
        "timestamp": record["timestamp"] / 1e6,
    }


def _level_view(image: dict) -> LevelView:
    cam2ego, cam2img = (np.array(image[key]) for key in ("cam2ego", "cam2img"))
    return LevelView.of(cam2ego, cam2img, (image["width"], image["height"]))


def _levelled(image: dict, view: LevelView, camera: SensorPose, lidar: SensorPose) -> dict:
    """Entry of ``images`` as a level camera has it."""
    return {
        **image,
        "cam2img": view.cam2img.tolist(),
        "cam2ego": view.camera2ego.tolist(),
        "lidar2cam": lidar.to(camera).tolist(),
        "homography": view.homography.tolist(),
    }


def lidar_sweep(record: dict, pose: SensorPose, key: SensorPose) -> dict:
    """Entry of ``lidar_sweeps``.

    Args:
        record: The sweep's row of ``sample_data``.
        pose: Of the LiDAR then.
        key: Of the LiDAR in the keyframe.
    """
    return {
        "timestamp": record["timestamp"] / 1e6,
        "ego2global": pose.ego2global.tolist(),
        "sample_data_token": record["token"],
        "lidar_points": {
            "lidar_path": record["filename"],
            "lidar2ego": pose.sensor2ego.tolist(),
            "lidar2sensor": key.to(pose).tolist(),
        },
    }


def lidar_instances(objects: FrameObjects, lidar: SensorPose) -> list[dict]:
    """Entries of ``instances``: all annotations in the LiDAR frame.

    ``bbox_3d`` is the gravity centre, l, w, h and the yaw about the LiDAR's z axis; ``velocity`` is
    (vx, vy), NaN where unknown. Categories that are not detected have label -1.
    """
    poses = lidar.global2sensor @ objects.object2global
    columns = (
        objects.annotations,
        objects.labels.tolist(),
        poses[:, :3, 3].tolist(),
        np.arctan2(poses[:, 1, 0], poses[:, 0, 0]).tolist(),
        objects.velocities_in(lidar.global2sensor)[:, :2].tolist(),
    )
    instances = []
    for annotation, label, center, yaw, velocity in zip(*columns, strict=True):
        width, length, height = annotation["size"]
        instances.append(
            {
                "bbox_3d": [*center, length, width, height, yaw],
                "bbox_label": label,
                "bbox_label_3d": label,
                "velocity": velocity,
                **_point_counts(annotation),
            }
        )
    return instances


def camera_instances(objects: FrameObjects, camera: SensorPose, image: dict) -> list[dict]:
    """Entries of ``cam_instances`` of one camera: the detected classes' boxes that its image shows.

    ``bbox_3d`` is the gravity centre, l, h, w and yaw in the camera frame at the camera's own ego
    pose; the heading is (cos yaw, 0, -sin yaw), that of the box's forward axis projected to the xz
    plane. ``velocity`` is (vx, vz), NaN where unknown. Boxes of any visibility are kept; those
    whose centre is not in front of the camera, or of which the image shows nothing, are not.

    Args:
        objects: Those of the keyframe.
        camera: Pose of the camera.
        image: The camera's entry of ``images``.
    """
    cam2img = np.array(image["cam2img"])
    poses = camera.global2sensor @ objects.object2global
    ahead = ((objects.labels >= 0) & (poses[:, 2, 3] > 0)).nonzero()[0]
    poses = poses[ahead]
    centers, rotations = poses[:, :3, 3], poses[:, :3, :3]
    corners = box_corners(centers, objects.sizes[ahead], rotations)
    pixels = (cam2img @ centers[..., None])[..., 0]
    columns = (
        ahead.tolist(),
        project_boxes(corners, cam2img, (image["width"], image["height"])),
        centers.tolist(),
        np.arctan2(-rotations[:, 2, 0], rotations[:, 0, 0]).tolist(),
        (pixels[:, :2] / pixels[:, 2:]).tolist(),
        pixels[:, 2].tolist(),
        objects.velocities_in(camera.global2sensor)[ahead][:, [0, 2]].tolist(),
    )
    instances = []
    for i, shown, center, yaw, center_2d, depth, velocity in zip(*columns, strict=True):
        if shown is None:
            continue
        annotation, label = objects.annotations[i], int(objects.labels[i])
        width, length, height = annotation["size"]
        instances.append(
            {
                "bbox": list(shown.bbox),
                "bbox_label": label,
                "bbox_label_3d": label,
                "bbox_3d": [*center, length, height, width, yaw],
                "center_2d": center_2d,
                "depth": depth,
                "velocity": velocity,
                "attr_label": objects.attributes[i],
                "truncation": shown.truncation,
                "visibility": objects.visibilities[i],
                "instance_token": annotation["instance_token"],
                "ann_token": annotation["token"],
                **_point_counts(annotation),
            }
        )
    return instances


def _sweeps(nusc: NuScenes, token: str | None, earlier: int) -> list[dict]:
    """Rows of ``sample_data``: the keyframe's sweep and those before it, latest first, if any."""
    records = []
    while token and len(records) <= earlier:
        records.append(nusc.get("sample_data", token))
        token = records[-1]["prev"]
    return records


def _image_path(record: dict) -> str:
    """As stock info files have it: a bare name in the folder of one of nuScenes' cameras."""
    folder, _, name = record["filename"].rpartition("/")
    usual = record["channel"] in CAMERAS and folder == f"samples/{record['channel']}"
    return name if usual else record["filename"]


def _lidar_path(record: dict) -> str:
    """As stock info files have it: a bare name in the folder of nuScenes' LiDAR."""
    return (
        record["filename"].rpartition("/")[2] if record["channel"] == LIDAR else record["filename"]
    )


def _point_counts(annotation: dict) -> dict:
    lidar, radar = int(annotation["num_lidar_pts"]), int(annotation["num_radar_pts"])
    return {
        "num_lidar_pts": lidar,
        "num_radar_pts": radar,
        "bbox_3d_isvalid": lidar + radar > 0,
    }
