"""KITTI as single images with boxes in the frame of the camera that took them."""

from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Sequence

import numpy as np
from mmdet3d.datasets import KittiDataset
from mmdet3d.registry import DATASETS

from ..errors import UserError
from .kitti_calibration import camera_offset
from .subsets import SubsetsAlone

_CAMERA = "CAM2"


@DATASETS.register_module()
class KittiMonoDataset(SubsetsAlone, KittiDataset):
    """The stock dataset, set up and mended for monocular detection.

    KITTI's boxes are in the rectified frame of camera 0, and P2, which projects them, holds the
    way to camera 2 (about 6 cm) in its fourth column. The stock dataset leaves it there, where a
    detector that reads a 3x3 camera matrix never sees it. Here both are taken apart: boxes are
    those of camera 2 itself, and ``images['CAM2']['cam2img']`` is its (3, 3) matrix.
    :class:`~epropnp_det.evaluation.KittiMonoMetric` moves predictions back.

    Where there is a LiDAR, an item has the absolute ``lidar_points['lidar_path']``, and in
    ``images['CAM2']['lidar2cam']`` the way from the LiDAR to camera 2, so that
    :class:`~epropnp_det.datasets.LoadCameraLidarPoints` with ``load_dim=4`` works.

    Args:
        data_root: KITTI's folder.
        ann_file: info file of :func:`~epropnp_det.datasets.create_kitti_infos` or of mmdet3d's
            converter, relative to ``data_root`` or absolute.
        pipeline: transforms.
        data_prefix: folders that differ from those of KITTI's training set.
        filter_empty_gt: whether images without objects are passed over in training.
        **kwargs: as in the stock dataset.

    Raises:
        UserError: ``metainfo['classes']`` names a class that KITTI does not have.
    """

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        pipeline: Sequence[dict | Callable] = (),
        data_prefix: dict | None = None,
        filter_empty_gt: bool = False,
        **kwargs,
    ) -> None:
        metainfo = kwargs.get("metainfo") or {}
        _check_classes(metainfo.get("classes", ()), self.METAINFO["classes"])
        folders = dict(img="training/image_2", pts="training/velodyne")
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            pipeline=list(pipeline),
            modality=dict(use_lidar=False, use_camera=True),
            default_cam_key=_CAMERA,
            box_type_3d="Camera",
            filter_empty_gt=filter_empty_gt,
            data_prefix={**folders, **(data_prefix or {})},
            **kwargs,
        )

    def parse_data_info(self, info: dict) -> dict:
        """The item of one image, all in the frame of camera 2."""
        camera = dict(info["images"][_CAMERA])
        offset = camera_offset(camera["cam2img"])
        camera["cam2img"] = np.array(camera["cam2img"], dtype=np.float64)[:3, :3]
        camera["lidar2cam"] = np.array(camera["lidar2cam"], dtype=np.float64)
        camera["lidar2cam"][:3, 3] += offset
        lidar = {}
        if "lidar_points" in info:
            points = info["lidar_points"]
            path = osp.join(self.data_prefix["pts"], points["lidar_path"])
            lidar = dict(lidar_points={**points, "lidar_path": path})
        instances = [
            {**each, "bbox_3d": [*(each["bbox_3d"][:3] + offset), *each["bbox_3d"][3:]]}
            for each in info.get("instances", ())
        ]
        images = {_CAMERA: camera}
        return super().parse_data_info({**info, "images": images, **lidar, "instances": instances})

    def parse_ann_info(self, info: dict) -> dict:
        """Annotations as arrays of equal length, N or 0."""
        if info["instances"]:
            return super().parse_ann_info(info)
        nothing = super().parse_ann_info(info)  # without 2D boxes
        return nothing | dict(
            gt_bboxes=np.zeros((0, 4), np.float32),
            gt_bboxes_labels=np.zeros(0, np.int64),
            centers_2d=np.zeros((0, 2), np.float32),
            depths=np.zeros(0, np.float32),
        )


def _check_classes(names: Sequence[str], known: Sequence[str]) -> None:
    written = {name.lower(): name for name in known}
    for name in names:
        if name not in known:
            near = written.get(name.lower())
            raise UserError(
                f"metainfo.classes of the dataset: KITTI has no class {name}"
                f"{f' (did you mean {near}?)' if near else ''}: name some of {', '.join(known)}."
            )
