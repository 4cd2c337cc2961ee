"""Inference on images, folders, videos and info files of nuScenes and KITTI, and on known objects
in boxes of images and of data sets in BOP's format."""

from ..camera_matrix import check_camera_matrix, read_camera_matrix
from .det3d_inferencer import EProPnPDet3DInferencer
from .object_pose_inferencer import ObjectPoseInferencer
from .object_predictions import OBJECT_POSES_SCHEMA
from .predictions import PREDICTIONS_SCHEMA

__all__ = [
    "EProPnPDet3DInferencer",
    "OBJECT_POSES_SCHEMA",
    "ObjectPoseInferencer",
    "PREDICTIONS_SCHEMA",
    "check_camera_matrix",
    "read_camera_matrix",
]
