"""Sheets of a dataset's keyframes: what a detector will be shown and asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion
from tqdm import tqdm

from ..command_line import check_output_folder
from ..datasets.image_folders import image_folders
from ..datasets.info_file import read_info_file
from ..datasets.levelling import turn_image
from ..datasets.nuscenes_names import CAMERAS
from ..datasets.point_files import read_points
from ..datasets.rig import NUSCENES, Rig
from ..datasets.transforms import LoadCameraLidarPoints
from ..errors import UserError
from .boxes import BoxSet
from .sensor_files import read_image, readable
from .style import DPI, save_figure
from .surround import CameraScene, Surround, surround_page


def browse(
    info_file: str | Path,
    root: str | Path,
    out_dir: str | Path,
    start: int = 0,
    num: int | None = None,
    overwrite: bool = False,
    all_boxes: bool = False,
) -> int:
    """Save a sheet for each keyframe of an info file; one that is there already is passed over.

    Args:
        info_file: info file of nuScenes data, ours or mmdet3d's.
        root: dataroot with the folder ``samples``.
        out_dir: folder for the sheets, made when absent.
        start: first keyframe.
        num: how many keyframes; None for all that follow.
        overwrite: draw again what is there.
        all_boxes: draw also the boxes without LiDAR and radar points.

    Returns:
        Number of sheets drawn.

    Raises:
        UserError: the info file, the root or a file of sensor data is missing or broken, the info
            file is of other data, there is no keyframe ``start``, or the folder cannot be written.
    """
    content = read_info_file(str(info_file))
    frames, rig = content["data_list"], Rig.of_metainfo(content["metainfo"])
    if not all("ego2global" in frame and frame.get("images") for frame in frames):
        raise UserError(f"info file {info_file} is not of nuScenes data: name another")
    _check_root(root)
    if not 0 <= start < len(frames):
        raise UserError(f"{info_file} has keyframes 0 to {len(frames) - 1}, not --start {start}")
    check_output_folder(out_dir, "--out")
    drawn = 0
    stop = None if num is None else start + num
    for index, frame in enumerate(tqdm(frames[start:stop], unit="keyframe"), start):
        path = Path(out_dir, f"{index:05d}_{frame['token']}.png")
        if overwrite or not path.exists():
            save_keyframe(path, frame, root, Path(info_file).parent, all_boxes, rig)
            drawn += 1
    return drawn


def info_file_of_split(root: str | Path, split: str) -> Path:
    """The info file that ``tools/create_data.py`` wrote for a split into the dataroot.

    Raises:
        UserError: there is none, or no such root.
    """
    _check_root(root)
    stem = "nuscenes_infos_"
    path = Path(root, f"{stem}{split}.pkl")
    if not path.is_file():
        found = sorted(p.stem.removeprefix(stem) for p in Path(root).glob(f"{stem}*.pkl"))
        raise UserError(
            f"{root} has no info file of split {split} (it has: {', '.join(found) or 'none'}): "
            "name another --split or make it with tools/create_data.py"
        )
    return path


def save_keyframe(
    path: str | Path,
    frame: dict,
    root: str | Path,
    info_dir: str | Path = ".",
    all_boxes: bool = False,
    rig: Rig = NUSCENES,
) -> None:
    """Draw one keyframe: its images with true boxes and LiDAR points, and everything from above.

    The images show ``cam_instances``, which is what a monocular detector learns from; the view from
    above shows ``instances``. Boxes without a LiDAR or radar point are left out, as in training and
    in the benchmark. LiDAR points reach an image through its camera's own ego pose.

    Args:
        path: the picture to write; its suffix gives the format.
        frame: an entry of the info file's ``data_list``.
        root: dataroot.
        info_dir: folder of the info file, beside which images may be, too.
        all_boxes: draw also the boxes without points.
        rig: dataset that the info file was made from.

    Raises:
        UserError: a file of sensor data is missing or broken.
    """
    lidar = frame.get("lidar_points", {})
    lidar_to_ego = np.array(lidar.get("lidar2ego", np.eye(4)))
    lidar_path, points = None, None
    if "lidar_path" in lidar:
        lidar_path = Path(root, rig.lidar_folder, lidar["lidar_path"])
        with readable(lidar_path):
            points = read_points(lidar_path.read_bytes(), lidar_path)
        points = points @ lidar_to_ego[:3, :3].T + lidar_to_ego[:3, 3]
    truth = lidar_boxes(frame["instances"], all_boxes, rig).transformed(lidar_to_ego)

    usual = {name: str(Path(root, "samples", name)) for name in CAMERAS} | {"img": str(root)}
    folders = image_folders([frame], usual, (str(root), str(info_dir)))
    cameras = {}
    for channel, camera in frame["images"].items():
        boxes = camera_boxes(frame.get("cam_instances", {}).get(channel, ()), all_boxes, rig)
        delay = 1e3 * (camera["timestamp"] - frame["timestamp"])
        title = f"{channel}, {delay:+.0f} ms, {len(boxes)} boxes"
        image = read_image(Path(folders[channel], camera["img_path"]))
        if "homography" in camera:
            image = turn_image(image, np.array(camera["homography"]))
        cameras[channel] = _camera_scene(channel, camera, image, boxes, lidar_path, title)
    time = datetime.fromtimestamp(frame["timestamp"], timezone.utc)
    scene = Surround(
        cameras,
        truth,  # in the colours of their classes, which predictions have elsewhere
        points=points,
        classes=rig.classes,
        title=f"{frame['token'][:8]}, {time:%Y-%m-%d %H:%M:%S} UTC",
    )
    save_figure(surround_page(scene, dpi=1.5 * DPI), path)


def camera_boxes(instances: Sequence[dict], all_boxes: bool = False, rig: Rig = NUSCENES) -> BoxSet:
    """Boxes of ``cam_instances`` of one camera, camera frame.

    Args:
        instances: of which those of the detected classes are taken.
        all_boxes: also those that hold no LiDAR or radar point.
        rig: dataset of the labels.
    """
    kept = _kept(instances, all_boxes)
    return BoxSet.from_camera([item["bbox_3d"] for item in kept], _names(kept, rig))


def lidar_boxes(instances: Sequence[dict], all_boxes: bool = False, rig: Rig = NUSCENES) -> BoxSet:
    """Boxes of ``instances``, LiDAR frame.

    Args:
        instances: of which those of the detected classes are taken.
        all_boxes: also those that hold no LiDAR or radar point.
        rig: dataset of the labels.
    """
    kept = _kept(instances, all_boxes)
    boxes = [
        Box([x, y, z], [width, length, height], Quaternion(axis=[0, 0, 1], radians=yaw))
        for x, y, z, length, width, height, yaw in (item["bbox_3d"] for item in kept)
    ]
    return BoxSet.from_devkit(boxes, _names(kept, rig))


def _kept(instances: Sequence[dict], all_boxes: bool) -> list[dict]:
    return [
        item
        for item in instances
        if item["bbox_label_3d"] >= 0 and (all_boxes or item["bbox_3d_isvalid"])
    ]


def _names(instances: Sequence[dict], rig: Rig) -> list[str]:
    return [rig.classes[item["bbox_label_3d"]] for item in instances]


def _camera_scene(
    channel: str,
    camera: dict,
    image: np.ndarray,
    boxes: BoxSet,
    lidar_path: Path | None,
    title: str,
) -> CameraScene:
    """One image with all that lies in it."""
    cam2img = np.array(camera["cam2img"])
    points = None
    if lidar_path is not None:
        loaded = LoadCameraLidarPoints().transform(
            {
                "lidar_points": {"lidar_path": str(lidar_path)},
                "images": {channel: camera},
                "cam2img": cam2img,
                "img_shape": image.shape[:2],
            }
        )
        points = loaded["points"].coord.numpy()
    return CameraScene(
        image, cam2img, np.array(camera["cam2ego"]), predictions=boxes, points=points, title=title
    )


def _check_root(root: str | Path) -> None:
    if not Path(root).is_dir():
        raise UserError(f"dataroot {root} is not a folder: name the nuScenes folder with --root")
