from .geometric import CropTopRows, RandomFlipMono3D, ResizeMono3D
from .lidar_points import LoadCameraLidarPoints
from .unknown_velocity import ZeroUnknownVelocity

__all__ = [
    "CropTopRows",
    "LoadCameraLidarPoints",
    "RandomFlipMono3D",
    "ResizeMono3D",
    "ZeroUnknownVelocity",
]
