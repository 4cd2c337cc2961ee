"""Running training and testing: checkpoints, processes, and what the command lines share."""

from .checkpoint import check_checkpoint, check_fit, history_buffer

__all__ = ["check_checkpoint", "check_fit", "history_buffer"]
