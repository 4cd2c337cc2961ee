from .bop import BOPDataset
from .kitti_mono_dataset import KittiMonoDataset
from .kitti_prepare import create_kitti_infos
from .nuscenes_mono_dataset import NuScenesMonoDataset
from .nuscenes_prepare import SplitSummary, create_nuscenes_infos
from .rig import NUSCENES, Rig
from .transforms import CropTopRows, LoadCameraLidarPoints, RandomFlipMono3D, ResizeMono3D

__all__ = [
    "NUSCENES",
    "BOPDataset",
    "CropTopRows",
    "KittiMonoDataset",
    "LoadCameraLidarPoints",
    "NuScenesMonoDataset",
    "RandomFlipMono3D",
    "ResizeMono3D",
    "Rig",
    "SplitSummary",
    "create_kitti_infos",
    "create_nuscenes_infos",
]
