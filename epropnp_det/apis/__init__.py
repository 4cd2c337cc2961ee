"""Inference on images, folders, videos and info files of nuScenes and KITTI."""

from ..datasets.camera_matrix import check_camera_matrix, read_camera_matrix
from .det3d_inferencer import EProPnPDet3DInferencer
from .predictions import PREDICTIONS_SCHEMA

__all__ = [
    "EProPnPDet3DInferencer",
    "PREDICTIONS_SCHEMA",
    "check_camera_matrix",
    "read_camera_matrix",
]
