"""Running training and testing: checkpoints, processes, and what the command lines share."""

from .checkpoint import check_checkpoint, check_fit, history_buffer
from .detection_checkpoint_hook import DetectionCheckpointHook
from .missed_validation_hook import MissedValidationHook
from .runner import EProPnPRunner
from .training_view import TrainingViewHook
from .visualization_hook import NetworkInputVisualizationHook

__all__ = [
    "DetectionCheckpointHook",
    "EProPnPRunner",
    "MissedValidationHook",
    "NetworkInputVisualizationHook",
    "TrainingViewHook",
    "check_checkpoint",
    "check_fit",
    "history_buffer",
]
