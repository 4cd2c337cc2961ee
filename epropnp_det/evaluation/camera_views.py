"""Which image a prediction belongs to, and where its camera stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from nuscenes import NuScenes

from ..datasets.info_file import images_per_frame
from ..datasets.nuscenes_info import SensorPose


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
        by_sample_idx: image of every `sample_idx` that predictions carry.
    """

    by_sample_idx: dict[int, CameraView]

    @classmethod
    def of(cls, frames: Sequence[dict]) -> CameraViews:
        """Those of the ``data_list`` of an info file."""
        views = {}
        step = images_per_frame(frames)
        for position, frame in enumerate(frames):
            first = frame.get("sample_idx", position) * step
            for i, (camera, image) in enumerate(frame["images"].items()):
                views[first + i] = _camera_view(frame, camera, image)
        return cls(views)

    @property
    def sample_tokens(self) -> set[str]:
        """nuScenes samples of the file."""
        return {view.sample_token for view in self.by_sample_idx.values()}

    @property
    def cameras(self) -> set[str]:
        """Names of the cameras."""
        return {view.camera for view in self.by_sample_idx.values()}


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
