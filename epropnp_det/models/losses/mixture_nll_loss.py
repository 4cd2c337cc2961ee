"""Negative log-likelihood of Gaussian mixtures with Huber tails."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from mmdet.utils import reduce_mean
from mmdet3d.registry import MODELS
from torch import Tensor, nn

MAX_INV_STD = 1e4


@MODELS.register_module()
class MixtureNLLLoss(nn.Module):
    """-log sum_m exp(l_m), averaged over elements, l_m = ``-h(|d_m exp(-s_m)|) + a_m - sum(s_m)``.

    An element is explained by M components, each with a difference d from it, one log-scale s a
    coordinate and a log mixture weight a. h is the Huber function, or r^2 / 2 without ``delta``
    (EPro-PnP-Det, arXiv 2303.12787). Constants are left out.

    Args:
        sigma: start of a learned scale that all components share; None where scales are predicted.
        delta: where h turns from quadratic to linear; None for never.
        adaptive_weight: divide the loss by the running mean of the inverse scale, to which its
            gradient is proportional.
        momentum: of the running mean, which starts at 1.
        loss_weight: factor of the loss.
    """

    def __init__(
        self,
        sigma: float | None = None,
        delta: float | None = None,
        adaptive_weight: bool = False,
        momentum: float = 0.1,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.delta = delta
        self.adaptive_weight = adaptive_weight
        self.momentum = momentum
        self.loss_weight = loss_weight
        self.log_sigma = None
        if sigma is not None:
            self.log_sigma = nn.Parameter(torch.tensor([math.log(sigma)]))
        # Always there, as in the published weights.
        self.register_buffer("mean_inv_std", torch.ones(()))

    def forward(
        self,
        diff: Tensor,
        log_weight: Tensor,
        log_scale: Tensor | None = None,
        merge: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Mean loss of K elements.

        Args:
            diff: (K, M, D) differences d.
            log_weight: (K, M) log mixture weights a.
            log_scale: (K, M, D) log-scales s, given just where the loss has no learned scale.
            merge: changes the log-likelihoods (K,) before they are averaged, such as by adding
                those of other elements that explain the same.

        Returns:
            The scalar loss, 0 where K = 0 in all processes. With an adaptive weight, in training
            mode, the running mean is updated first (synchronised across processes).
        """
        if log_scale is None:
            log_scale = self.log_sigma.to(diff).expand_as(diff)
        log_scale = log_scale.clamp(min=-math.log(MAX_INV_STD))
        inv_std = (-log_scale).exp()
        log_density = -self._penalty(diff * inv_std) - log_scale.sum(-1)
        log_likelihood = (log_density + log_weight).logsumexp(-1)
        if merge is not None:
            log_likelihood = merge(log_likelihood)

        share = log_weight.detach().softmax(-1)
        sum_inv_std = (share * inv_std.detach().mean(-1)).sum()
        count = sum_inv_std.new_tensor(float(len(diff)))
        sum_inv_std, count = reduce_mean(torch.stack([sum_inv_std, count]))
        loss = -log_likelihood.sum() / count.clamp(min=1)
        if self.adaptive_weight:
            if self.training and count > 0:
                self.mean_inv_std.lerp_((sum_inv_std / count).to(self.mean_inv_std), self.momentum)
            loss = loss / self.mean_inv_std
        return self.loss_weight * loss

    def _penalty(self, standardised: Tensor) -> Tensor:
        """h of the norm of differences (..., D) in units of their scale."""
        if self.delta is None:
            return standardised.square().sum(-1) / 2
        radius = standardised.norm(dim=-1)
        tail = self.delta * (radius - self.delta / 2)
        return torch.where(radius <= self.delta, radius.square() / 2, tail)
