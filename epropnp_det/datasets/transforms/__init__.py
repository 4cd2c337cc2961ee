from .geometric import CropTopRows, RandomFlipMono3D, ResizeMono3D, rows_cut_off
from .level_image import LevelImage
from .lidar_points import LoadCameraLidarPoints
from .unknown_velocity import ZeroUnknownVelocity

__all__ = [
    "CropTopRows",
    "LevelImage",
    "LoadCameraLidarPoints",
    "RandomFlipMono3D",
    "ResizeMono3D",
    "ZeroUnknownVelocity",
    "rows_cut_off",
]
