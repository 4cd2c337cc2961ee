"""From trained networks to ONNX files."""

from .detector import DetectorGraph, ExportedObjects, export_detector
from .layer import PoseGraph, export_layer

__all__ = ["DetectorGraph", "ExportedObjects", "PoseGraph", "export_detector", "export_layer"]
