from .nuscenes_mono_dataset import NuScenesMonoDataset
from .nuscenes_prepare import SplitSummary, create_nuscenes_infos
from .transforms import CropTopRows, LoadCameraLidarPoints, RandomFlipMono3D, ResizeMono3D

__all__ = [
    "CropTopRows",
    "LoadCameraLidarPoints",
    "NuScenesMonoDataset",
    "RandomFlipMono3D",
    "ResizeMono3D",
    "SplitSummary",
    "create_nuscenes_infos",
]
