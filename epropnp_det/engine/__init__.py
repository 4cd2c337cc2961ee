"""Running training and testing: checkpoints, processes, and what the command lines share."""

from .checkpoint import check_checkpoint, check_fit, history_buffer
from .visualization_hook import NetworkInputVisualizationHook

__all__ = ["NetworkInputVisualizationHook", "check_checkpoint", "check_fit", "history_buffer"]
