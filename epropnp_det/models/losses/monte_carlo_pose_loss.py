"""The Monte Carlo pose loss, normalised for a detector."""

from __future__ import annotations

import torch
from mmdet.utils import reduce_mean
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from epropnp_det.pnp import Posterior, monte_carlo_pose_loss


@MODELS.register_module()
class MonteCarloPoseLoss(nn.Module):
    """KL divergence of the pose posterior from the true pose, over a running weight scale.

    The gradient of the loss grows with the scale of the weights ``w2d``; dividing by its running
    mean keeps it comparable throughout training (EPro-PnP, arXiv 2203.13254).

    Args:
        loss_weight: factor of the loss.
        momentum: of the running mean, which starts at 1.
    """

    def __init__(self, loss_weight: float = 1.0, momentum: float = 0.01) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.momentum = momentum
        self.register_buffer("norm_factor", torch.ones(()))

    def forward(self, posterior: Posterior, scale: Tensor, weight: Tensor) -> Tensor:
        """Mean loss of S objects.

        Args:
            posterior: pose posteriors of the objects, computed with their true poses.
            scale: (S, 2) global scales of their weights (u, v).
            weight: (S,) weights of the objects, mean 1.

        Returns:
            The scalar loss, 0 where S = 0. In training mode the running mean is updated first
            (synchronised across processes).
        """
        loss = (weight * monte_carlo_pose_loss(posterior)).sum() / max(len(weight), 1)
        if self.training:
            # An object that overflowed must not stay in the mean for good.
            scales = (scale.detach() * weight[:, None])[posterior.valid]
            count = scales.new_tensor(float(scales.numel()))
            batch_sum, count = reduce_mean(torch.stack([scales.sum(), count]))
            if count > 0:
                self.norm_factor.lerp_((batch_sum / count).to(self.norm_factor), self.momentum)
        return self.loss_weight * loss / self.norm_factor
