"""How far two rotations are apart, as a loss."""

from __future__ import annotations

from mmdet3d.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class QuaternionLoss(nn.Module):
    """2 (1 - (q . p)^2), which is one minus the cosine of the angle between two rotations.

    Orientation part of the derivative regularisation (EPro-PnP, arXiv 2203.13254, section 3.4).

    Args:
        loss_weight: factor of the loss.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Mean loss of S rotations.

        Args:
            pred: (S, 4) unit quaternions, of either sign.
            target: (S, 4) the same.
            weight: (S,) weights of the rotations.

        Returns:
            The scalar loss, 0 where S = 0.
        """
        cosine = (pred * target).sum(-1)
        loss = 2 * (1 - cosine.square())
        return self.loss_weight * (weight * loss).sum() / max(len(weight), 1)
