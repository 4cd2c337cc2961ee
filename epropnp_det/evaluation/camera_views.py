"""Which image a prediction belongs to, and where its camera stood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nuscenes import NuScenes

from ..datasets.info_file import read_info_file
from ..datasets.nuscenes_info import SensorPose
from ..errors import UserError

# mmdet3d numbers the images of its 'mv_image_based' datasets so, however many cameras there are.
_IMAGES_PER_FRAME = 6


@dataclass(frozen=True)
class CameraView:
    """One image of a sample.

    Attributes:
        sample_token: nuScenes sample.
        sample_data_token: nuScenes sample_data record of the image; '' if the file has none.
        cam2ego: (4, 4) camera to ego vehicle.
        ego2global: (4, 4) ego vehicle to global at the image's own timestamp; None if unknown.
        lidar_ego2global: (4, 4) the same at the timestamp of the LiDAR.
    """

    sample_token: str
    sample_data_token: str
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
        by_sample_idx: image of every `sample_idx` that predictions carry.
        annotated: whether any of its frames lists an object.
    """

    version: str | None
    by_sample_idx: dict[int, CameraView]
    annotated: bool

    @property
    def sample_tokens(self) -> set[str]:
        """nuScenes samples of the file."""
        return {view.sample_token for view in self.by_sample_idx.values()}


def load_camera_views(ann_file: str, backend_args: dict | None = None) -> CameraViews:
    """Read the cameras of an info file (ours or stock mmdet3d's, version 2 format).

    Args:
        ann_file: path of the .pkl file.
        backend_args: where mmengine reads it from, as in the stock metric.

    Raises:
        UserError: the file is missing or no such info file.
    """
    content = read_info_file(ann_file, backend_args)
    views = {}
    try:
        for position, frame in enumerate(content["data_list"]):
            first = frame.get("sample_idx", position) * _IMAGES_PER_FRAME
            for camera, image in enumerate(frame["images"].values()):
                views[first + camera] = _camera_view(frame, image)
        annotated = any(map(_has_object, content["data_list"]))
        return CameraViews(content["metainfo"].get("version"), views, annotated)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"info file {ann_file} is not in mmdet3d v2 format ({error!r}): make it with "
            "tools/create_data.py"
        ) from error


def _has_object(frame: dict) -> bool:
    return bool(frame.get("instances")) or any(frame.get("cam_instances", {}).values())


def _camera_view(frame: dict, image: dict) -> CameraView:
    own = image.get("ego2global")
    return CameraView(
        sample_token=frame["token"],
        sample_data_token=image.get("sample_data_token", ""),
        cam2ego=np.asarray(image["cam2ego"], dtype=np.float64),
        ego2global=None if own is None else np.asarray(own, dtype=np.float64),
        lidar_ego2global=np.asarray(frame["ego2global"], dtype=np.float64),
    )
