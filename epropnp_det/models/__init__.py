"""Registered network modules, in the order in which data flows through them."""

from .dense_heads import FCOSEmbHead
from .detectors import EProPnPDet
from .losses import MonteCarloPoseLoss
from .pnp_heads import DeformPnPHead
from .targets import CenterPointAssigner, VolumeCenter
from .task_modules import EProPnPDecoder, MultiClassLogDimCoder

__all__ = [
    "CenterPointAssigner",
    "DeformPnPHead",
    "EProPnPDecoder",
    "EProPnPDet",
    "FCOSEmbHead",
    "MonteCarloPoseLoss",
    "MultiClassLogDimCoder",
    "VolumeCenter",
]
