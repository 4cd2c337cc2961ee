"""From sampled points to weighted 2D-3D correspondences."""

from __future__ import annotations

import math

import torch
from mmcv.cnn import Scale
from mmcv.cnn.bricks.transformer import BaseTransformerLayer
from mmengine.model import BaseModule
from torch import Tensor, nn

from .deformable_sampler import SampledPoints


def fibonacci_sphere(num: int) -> Tensor:
    """``num`` directions spread evenly over the unit sphere, (num, 3) (golden-angle spiral)."""
    index = torch.arange(num, dtype=torch.float64) + 0.5
    height = 1 - 2 * index / num
    radius = (1 - height**2).sqrt()
    angle = index * (math.pi * (3 - math.sqrt(5)))
    points = torch.stack([radius * angle.cos(), height, radius * angle.sin()], dim=-1)
    return points.float()


def standardize(x2d: Tensor) -> Tensor:
    """Points (M, N, 2) in pixels less their mean, over their deviation (at least one pixel)."""
    if not len(x2d):
        return x2d  # PyTorch warns of deviations of nothing
    std = x2d.std(dim=1, keepdim=True).clamp(min=1.0)
    return (x2d - x2d.mean(dim=1, keepdim=True)) / std


class PointTransformer(BaseModule):
    """All points of an object attend to each other; each head then reads off its correspondences.

    Args:
        channels: channels C of the sampled points' heads together.
        num_heads: heads of the sampler.
        feedforward_channels: hidden channels of the feed-forward network.
        dropout: rate within the feed-forward network.
    """

    def __init__(
        self,
        channels: int = 256,
        num_heads: int = 8,
        feedforward_channels: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        dims = channels // num_heads
        self.query_scale = Scale(0.1)
        self.position = nn.Linear(2, dims)
        self.layer = BaseTransformerLayer(
            attn_cfgs=dict(
                type="MultiheadAttention", embed_dims=dims, num_heads=1, batch_first=True
            ),
            ffn_cfgs=dict(
                type="FFN",
                embed_dims=dims,
                feedforward_channels=feedforward_channels,
                ffn_drop=dropout,
            ),
            operation_order=("self_attn", "norm", "ffn", "norm"),
            batch_first=True,
        )
        self.weight = nn.Parameter(torch.zeros(num_heads, 5, dims))
        self.bias = nn.Parameter(torch.zeros(num_heads, 5))

    def init_weights(self) -> None:
        """Coordinates start on a sphere of radius 1/2, one direction a head; weights uniform."""
        super().init_weights()
        for parameter in self.layer.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)
        self.bias.data[:, :3] = fibonacci_sphere(len(self.bias)) / 2

    def forward(self, points: SampledPoints) -> tuple[Tensor, Tensor]:
        """Normalised object coordinates and relative weights of each point.

        Args:
            points: N points of each of M objects.

        Returns:
            Object coordinates (M, N, 3), a fraction of the object's size (l, h, w), and weights
            (M, N, 2) that sum to 1 over the points inside the image (axes u and v apart).
        """
        token = (points.value + self.query_scale(points.query)[:, :, None]).flatten(1, 2)
        position = self.position(standardize(points.x2d).to(token))
        token = self.layer(token, query_pos=position, key_pos=position)
        token = token.unflatten(1, (len(self.weight), -1))
        output = torch.einsum("mhpc,hoc->mhpo", token, self.weight) + self.bias[:, None]
        coordinates, logit = output.flatten(1, 2).split([3, 2], dim=-1)
        return coordinates, logit.softmax(dim=1) * points.mask[..., None]
