"""Losses that mmdet does not have."""

from .monte_carlo_pose_loss import MonteCarloPoseLoss

__all__ = ["MonteCarloPoseLoss"]
