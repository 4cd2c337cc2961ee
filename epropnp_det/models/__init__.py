"""Registered network modules, in the order in which data flows through them."""

from .dense_heads import FCOSEmbHead
from .detectors import EProPnPDet, ExportedDetector
from .layers import GatherDCNv2
from .losses import (
    CoordinateNLLLoss,
    CoordinateSmoothL1Loss,
    MixtureNLLLoss,
    MonteCarloPoseLoss,
    QuaternionLoss,
)
from .object_pose import CoordinateHead, EProPnP6DoF, ObjectPoseHead
from .pnp_heads import AuxiliaryHead, DeformPnPHead
from .targets import CenterPointAssigner, VolumeCenter
from .task_modules import EProPnPDecoder, MultiClassLogDimCoder
from .test_time_augmentation import EProPnPTTA

__all__ = [
    "AuxiliaryHead",
    "CenterPointAssigner",
    "CoordinateHead",
    "CoordinateNLLLoss",
    "CoordinateSmoothL1Loss",
    "DeformPnPHead",
    "EProPnP6DoF",
    "EProPnPDecoder",
    "EProPnPDet",
    "EProPnPTTA",
    "ExportedDetector",
    "FCOSEmbHead",
    "GatherDCNv2",
    "MixtureNLLLoss",
    "MonteCarloPoseLoss",
    "MultiClassLogDimCoder",
    "ObjectPoseHead",
    "QuaternionLoss",
    "VolumeCenter",
]
