"""Deformable attention that also hands out what it sampled: the image points of an object."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.transformer import FFN
from mmengine.model import BaseModule, constant_init, xavier_init
from torch import Tensor, nn

from ..objects import ObjectQueries


class SampledPoints(NamedTuple):
    """N = num_heads * num_points image points of each of M objects, heads in order.

    Attributes:
        embedding: (M, C) object embeddings after attention.
        query: (M, num_heads, C / num_heads) queries.
        value: (M, num_heads, num_points, C / num_heads) values sampled at the points.
        x2d: (M, N, 2) positions (u, v), in network-input pixels.
        mask: (M, N) 1 inside the image, fading to 0 over one cell at its border.
    """

    embedding: Tensor
    query: Tensor
    value: Tensor
    x2d: Tensor
    mask: Tensor


class DeformableSampler(BaseModule):
    """Each head of an object looks at points of its own choice around the reference point.

    Args:
        channels: channels C of embeddings, keys and values.
        num_heads: attention heads.
        num_points: points a head.
        stride: pixels a cell of the key and value maps.
        feedforward_channels: hidden channels of the feed-forward network.
        dropout: rate within the feed-forward network.
        clamp: bring points from outside back to the border, where v1 has them fade only beyond it;
            otherwise they stay where they are and fade from inside, as in v2.
    """

    def __init__(
        self,
        channels: int = 256,
        num_heads: int = 8,
        num_points: int = 16,
        stride: int = 8,
        feedforward_channels: int = 1024,
        dropout: float = 0.1,
        clamp: bool = False,
    ) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f"{channels} channels do not divide into {num_heads} heads")
        self.num_heads = num_heads
        self.num_points = num_points
        self.stride = stride
        self.clamp = clamp
        self.sampling_offsets = nn.Linear(channels, num_heads * num_points * 2)
        self.out_proj = nn.Linear(channels, channels)
        self.attn_norm = nn.LayerNorm(channels)
        self.ffn = FFN(channels, feedforward_channels, ffn_drop=dropout)
        self.ffn_norm = nn.LayerNorm(channels)

    def init_weights(self) -> None:
        """Head h starts to look along direction 2 pi h / num_heads, farther with each point."""
        super().init_weights()
        constant_init(self.sampling_offsets, 0.0)
        angle = torch.arange(self.num_heads) * (2 * math.pi / self.num_heads)
        direction = torch.stack([angle.cos(), angle.sin()], dim=-1)
        direction = direction / direction.abs().amax(-1, keepdim=True)
        reach = torch.arange(1, self.num_points + 1) * (4 / self.num_points)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_((direction[:, None] * reach[:, None]).flatten())
        xavier_init(self.out_proj, distribution="uniform")

    def forward(
        self,
        query: Tensor,
        embedding: Tensor,
        objects: ObjectQueries,
        img_size: Tensor,
        key_map: Tensor,
        value_map: Tensor,
    ) -> SampledPoints:
        """Sample and attend.

        Args:
            query: (M, C) queries of the attention.
            embedding: (M, C) object embeddings that know their class; they choose the points.
            objects: the objects, for their reference points, strides and images.
            img_size: (B, 2) image sizes (width, height) before padding, in pixels.
            key_map: (B, C, H, W) keys.
            value_map: (B, C, H, W) values.

        Returns:
            The sampled points and the attended embeddings.
        """
        offsets = self.sampling_offsets(embedding).to(objects.center)
        offsets = offsets.unflatten(-1, (self.num_heads, self.num_points, 2))
        x2d = objects.center[:, None, None] + offsets * objects.stride[:, None, None, None]
        key, value = self._sample(key_map, value_map, x2d, objects.img_ind)
        img_size = img_size[objects.img_ind][:, None, None]
        mask = self._inside(x2d, img_size)
        if self.clamp:
            x2d = x2d.clamp(min=self.stride / 2).minimum(img_size - self.stride / 2)

        query = query.unflatten(-1, (self.num_heads, -1))
        logit = torch.einsum("mhc,mhpc->mhp", query, key) / math.sqrt(query.shape[-1])
        attention = logit.softmax(-1) * mask
        attended = torch.einsum("mhp,mhpc->mhc", attention, value).flatten(1)
        embedding = self.attn_norm(embedding + self.out_proj(attended))
        embedding = self.ffn_norm(self.ffn(embedding))
        return SampledPoints(embedding, query, value, x2d.flatten(1, 2), mask.flatten(1))

    def _sample(
        self, key_map: Tensor, value_map: Tensor, x2d: Tensor, img_ind: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Bilinear samples of each head's channels at its points; one call an image."""
        height, width = key_map.shape[-2:]
        extent = x2d.new_tensor([width, height]) * self.stride
        maps = [m.to(x2d).unflatten(1, (self.num_heads, -1)) for m in (key_map, value_map)]
        maps = torch.cat(maps, dim=2)
        grid = 2 * x2d / extent - 1
        if len(maps) == 1:
            sampled = _at_points(maps[0], grid)
        else:
            groups = [(img_ind == i).nonzero(as_tuple=True)[0] for i in range(len(maps))]
            parts = [
                _at_points(*pair) for pair in zip(maps, [grid[g] for g in groups], strict=True)
            ]
            sampled = torch.cat(parts)[torch.cat(groups).argsort()]
        key, value = sampled.chunk(2, dim=-1)
        return key, value

    def _inside(self, x2d: Tensor, img_size: Tensor) -> Tensor:
        """1 inside the image, 0 a cell past the centre of its last cells.

        At the other end it is 0 before the centre of the first cells, or, where points are clamped,
        a cell before it. The published weights expect either.
        """
        index, cells = x2d / self.stride - 0.5, img_size / self.stride
        first = -1 if self.clamp else 0
        return ((index - first).clamp(0, 1) * (cells - index).clamp(0, 1)).prod(-1)


def _at_points(head_maps: Tensor, grid: Tensor) -> Tensor:
    """Of one image: maps (heads, C, H, W) at (M, heads, points, 2), (M, heads, points, C)."""
    sampled = F.grid_sample(
        head_maps, grid.transpose(0, 1), padding_mode="border", align_corners=False
    )
    return sampled.permute(2, 0, 3, 1)
