"""Which image a prediction is of, where its camera stood, and what the file says of objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from nuscenes import NuScenes

from ..datasets.info_file import images_per_frame, read_info_file
from ..datasets.nuscenes_info import SensorPose
from ..datasets.nuscenes_names import CLASSES
from ..errors import UserError


@dataclass(frozen=True)
class CameraView:
    """One image of a sample.

    Attributes:
        sample_token: nuScenes sample.
        sample_data_token: nuScenes sample_data record of the image; '' if the file has none.
        camera: name of the camera.
        cam2ego: (4, 4) camera to ego vehicle.
        ego2global: (4, 4) ego vehicle to global at the image's own timestamp; None if unknown.
        lidar_ego2global: (4, 4) the same at the timestamp of the frame, that of the LiDAR if there
            is one.
    """

    sample_token: str
    sample_data_token: str
    camera: str
    cam2ego: np.ndarray
    ego2global: np.ndarray | None
    lidar_ego2global: np.ndarray

    def own_ego_pose(self, nusc: NuScenes) -> np.ndarray | None:
        """(4, 4) ego pose at the image's own timestamp, from the tables if the file lacks it.

        Returns:
            The pose, or None where neither knows it.
        """
        if self.ego2global is not None:
            return self.ego2global
        if not self.sample_data_token:
            return None
        try:
            return SensorPose.of(nusc, self.sample_data_token).ego2global
        except KeyError:
            return None


@dataclass(frozen=True)
class CameraViews:
    """The images of an info file.

    Attributes:
        version: nuScenes version that the file was made from; None if it does not say.
        categories: class by category of the tables, where the file takes some of its own for them.
        by_sample_idx: image of every `sample_idx` that predictions carry.
        objects: number of objects of the detected classes that its frames list.
        in_range: how many of these are as near as the evaluation asks for.
        measured: how many of those have LiDAR or radar points, as far as the file tells.
        attributes_checked: whether whoever made the file has looked at the attributes.
        visible: tokens of the annotations that an image shows; None if the file does not tell.
    """

    version: str | None
    categories: Mapping[str, str]
    by_sample_idx: dict[int, CameraView]
    objects: int
    in_range: int
    measured: int
    attributes_checked: bool
    visible: frozenset[str] | None

    @property
    def sample_tokens(self) -> set[str]:
        """nuScenes samples of the file."""
        return {view.sample_token for view in self.by_sample_idx.values()}

    @property
    def cameras(self) -> set[str]:
        """Names of the cameras."""
        return {view.camera for view in self.by_sample_idx.values()}


def load_camera_views(
    ann_file: str, class_range: Mapping[str, float], backend_args: dict | None = None
) -> CameraViews:
    """Read the cameras of an info file (ours or stock mmdet3d's, version 2 format).

    Args:
        ann_file: path of the .pkl file.
        class_range: by class, how far from the vehicle an object may be to count, metres.
        backend_args: where mmengine reads it from, as in the stock metric.

    Raises:
        UserError: the file is missing or no such info file.
    """
    content = read_info_file(ann_file, backend_args)
    frames, meta = content["data_list"], content["metainfo"]
    views = {}
    try:
        step = images_per_frame(frames)
        for position, frame in enumerate(frames):
            first = frame.get("sample_idx", position) * step
            for i, (camera, image) in enumerate(frame["images"].items()):
                views[first + i] = _camera_view(frame, camera, image)
        objects = [
            (instance, _lidar2ego(frame))
            for frame in frames
            for instance in frame.get("instances", ())
            if _is_detected(instance)
        ]
        near = [x for x, lidar2ego in objects if _is_near(x, lidar2ego, class_range)]
        shown = [instance for frame in frames for instance in _shown(frame)]
        told = all("ann_token" in instance for instance in shown)
        return CameraViews(
            version=meta.get("version"),
            categories=meta.get("mapped_categories") or {},
            by_sample_idx=views,
            objects=len(objects),
            in_range=len(near),
            measured=sum(map(_is_measured, near)),
            attributes_checked=meta.get("attributes_checked", False),
            visible=frozenset(x["ann_token"] for x in shown) if told else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"info file {ann_file} is not in mmdet3d v2 format ({type(error).__name__}: {error}): "
            "make it with tools/create_data.py"
        ) from error


def _shown(frame: dict) -> Iterator[dict]:
    """Objects of the images of a frame."""
    for instances in frame.get("cam_instances", {}).values():
        yield from filter(_is_detected, instances)


def _is_detected(instance: dict) -> bool:
    return instance["bbox_label_3d"] >= 0


def _lidar2ego(frame: dict) -> np.ndarray:
    """(4, 4); objects of a frame without LiDAR are in the vehicle's frame."""
    return np.asarray(frame.get("lidar_points", {}).get("lidar2ego", np.eye(4)))


def _is_near(instance: dict, lidar2ego: np.ndarray, class_range: Mapping[str, float]) -> bool:
    center = lidar2ego[:2, :3] @ instance["bbox_3d"][:3] + lidar2ego[:2, 3]
    return bool(np.hypot(*center) < class_range[CLASSES[instance["bbox_label_3d"]]])


def _is_measured(instance: dict) -> bool:
    counts = [instance[key] for key in ("num_lidar_pts", "num_radar_pts") if key in instance]
    return not counts or sum(counts) > 0


def _camera_view(frame: dict, camera: str, image: dict) -> CameraView:
    own = image.get("ego2global")
    return CameraView(
        sample_token=frame["token"],
        sample_data_token=image.get("sample_data_token", ""),
        camera=camera,
        cam2ego=np.asarray(image["cam2ego"], dtype=np.float64),
        ego2global=None if own is None else np.asarray(own, dtype=np.float64),
        lidar_ego2global=np.asarray(frame["ego2global"], dtype=np.float64),
    )
