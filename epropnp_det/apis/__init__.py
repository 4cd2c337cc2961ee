"""Inference on images, folders, videos and nuScenes info files."""

from .camera_matrix import check_camera_matrix, read_camera_matrix
from .det3d_inferencer import EProPnPDet3DInferencer
from .predictions import PREDICTIONS_SCHEMA

__all__ = [
    "EProPnPDet3DInferencer",
    "PREDICTIONS_SCHEMA",
    "check_camera_matrix",
    "read_camera_matrix",
]
