"""Exported networks at work: NumPy, an image reader and a runtime, without PyTorch and OpenMMLab.

The runtime is ONNX Runtime or OpenVINO, whichever is installed. `python -m epropnp_det.deploy`
detects objects in images.
"""

from .description import DetectorDescription, LayerDescription
from .detector import DeployedDetector
from .layer import DeployedLayer

__all__ = ["DeployedDetector", "DeployedLayer", "DetectorDescription", "LayerDescription"]
