"""LiDAR points seen from a camera."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures.points import CameraPoints
from mmengine.fileio import get

from ...errors import UserError
from ..nuscenes_names import LIDAR_FEATURES
from ..point_files import read_points
from .pixel_map import points_in_image


@TRANSFORMS.register_module()
class LoadCameraLidarPoints(BaseTransform):
    """Load the keyframe's LiDAR sweep as points in the camera frame that the image shows.

    The points go LiDAR -> vehicle at the LiDAR's time -> global -> vehicle at the camera's time ->
    camera; ``images[camera]['lidar2cam']`` of the info file is that product. The transform may
    stand anywhere behind the image loader: it heeds the crops, resizes and flips before it.

    Args:
        load_dim: Floats stored a point; the first three are x, y, z. PCD files tell it themselves.
        backend_args: Storage backend, as in mmdet3d's loaders.
    """

    def __init__(self, load_dim: int = LIDAR_FEATURES, backend_args: dict | None = None) -> None:
        self.load_dim = load_dim
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Add ``points``: :class:`CameraPoints` (M, 3), metres, M possibly 0.

        Raises:
            UserError: the rig has no LiDAR.
        """
        if "lidar_points" not in results:
            raise UserError(
                "the rig has no LiDAR: leave LoadCameraLidarPoints out of the pipeline, and set "
                "model.bbox_head.auxiliary.loss_regr and .loss_depth to None."
            )
        path = results["lidar_points"]["lidar_path"]
        xyz = read_points(get(path, backend_args=self.backend_args), path, self.load_dim)
        (image,) = results["images"].values()
        lidar2cam = np.array(image["lidar2cam"])
        points = CameraPoints(xyz @ lidar2cam[:3, :3].T + lidar2cam[:3, 3])
        if results.get("flip"):
            points.flip("horizontal")
        results["points"] = points_in_image(points, results)
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(load_dim={self.load_dim})"
