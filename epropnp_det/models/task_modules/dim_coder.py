"""Object sizes as log codes relative to their class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor, nn


@TASK_UTILS.register_module()
class MultiClassLogDimCoder(nn.Module):
    """code = (log(size) - log(mean)) / (std / mean), with mean and std of the object's class.

    Args:
        means: per class, the mean (l, h, w), in metres.
        stds: per class, the standard deviation of (l, h, w), in metres.
    """

    def __init__(self, means: Sequence[Sequence[float]], stds: Sequence[Sequence[float]]) -> None:
        super().__init__()
        mean, std = torch.tensor(means), torch.tensor(stds)
        if mean.shape != std.shape or mean.dim() != 2 or mean.shape[1] != 3:
            raise ValueError("means and stds need one (l, h, w) a class")
        self.register_buffer("log_mean", mean.log(), persistent=False)
        self.register_buffer("log_std", std / mean, persistent=False)

    def encode(self, dims: Tensor, labels: Tensor) -> Tensor:
        """Sizes (M, 3) as (l, h, w) in metres, of classes (M,), to codes (M, 3)."""
        return (dims.log() - self.log_mean[labels]) / self.log_std[labels]

    def decode(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Codes (M, 3) of classes (M,) to sizes (l, h, w), in metres."""
        return (codes * self.log_std[labels] + self.log_mean[labels]).exp()
