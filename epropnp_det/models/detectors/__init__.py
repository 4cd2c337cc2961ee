"""Detectors."""

from .epropnp_det import EProPnPDet
from .exported_detector import ExportedDetector

__all__ = ["EProPnPDet", "ExportedDetector"]
