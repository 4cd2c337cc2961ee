"""How far predicted object coordinates lie from measured ones, in units of the object's size."""

from __future__ import annotations

import torch
from mmdet.models.losses import SmoothL1Loss
from mmdet.utils import reduce_mean
from mmdet3d.registry import MODELS
from torch import Tensor

from .mixture_nll_loss import MixtureNLLLoss


@MODELS.register_module()
class CoordinateNLLLoss(MixtureNLLLoss):
    """Mixture likelihood of the errors over the mean of (l, h, w) (v2, arXiv 2303.12787)."""

    def forward(self, error: Tensor, logit: Tensor, dims: Tensor) -> Tensor:
        """Mean loss of K points.

        Args:
            error: (K, M, 3) of the coordinates of each head, in metres.
            logit: (K, M) attention logits.
            dims: (K, 3) sizes (l, h, w) of the points' objects, in metres.

        Returns:
            The scalar loss.
        """
        return super().forward(error / dims.mean(-1)[:, None, None], logit.log_softmax(-1))


@MODELS.register_module()
class CoordinateSmoothL1Loss(SmoothL1Loss):
    """Smooth L1 of the distances over the largest of (l, h, w), averaged over heads by attention.

    (v1, arXiv 2203.13254.) Arguments are those of mmdet's loss.
    """

    def forward(self, error: Tensor, logit: Tensor, dims: Tensor) -> Tensor:
        """Mean loss of K points, see :meth:`CoordinateNLLLoss.forward`."""
        distance = error.norm(dim=-1) / dims.amax(-1)[:, None]
        # The weights of a point add up to 1.
        count = reduce_mean(error.new_tensor(float(len(error)))).clamp(min=1)
        return super().forward(
            distance, torch.zeros_like(distance), logit.softmax(-1), avg_factor=count
        )
