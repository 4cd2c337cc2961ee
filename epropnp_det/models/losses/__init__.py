"""Losses that mmdet does not have."""

from .coordinate_loss import CoordinateNLLLoss, CoordinateSmoothL1Loss
from .mixture_nll_loss import MixtureNLLLoss
from .monte_carlo_pose_loss import MonteCarloPoseLoss
from .quaternion_loss import QuaternionLoss

__all__ = [
    "CoordinateNLLLoss",
    "CoordinateSmoothL1Loss",
    "MixtureNLLLoss",
    "MonteCarloPoseLoss",
    "QuaternionLoss",
]
