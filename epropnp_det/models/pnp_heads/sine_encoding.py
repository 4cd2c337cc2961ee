"""Sine encoding of image positions, for cells of a map and for points alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sine_encoding(points: Tensor, size: Tensor, num_feats: int, temperature: float = 1e4) -> Tensor:
    """Encode image positions (Carion et al., DETR, with the position normalised to 2 pi).

    Args:
        points: (..., 2) positions (u, v), in pixels.
        size: (..., 2) image sizes (width, height) that broadcast with ``points``, in pixels.
        num_feats: features an axis, even.
        temperature: ratio of the longest to the shortest wavelength.

    Returns:
        (..., 2 * num_feats), the vertical position first; sines and cosines alternate.
    """
    exponent = torch.arange(0, num_feats, 2, dtype=points.dtype, device=points.device) / num_feats
    angle = (2 * math.pi * points / size)[..., None] / temperature**exponent
    encoded = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)
    return torch.cat([encoded[..., 1, :], encoded[..., 0, :]], dim=-1)


def sine_encoding_map(
    map_size: tuple[int, int], size: Tensor, stride: int, num_feats: int
) -> Tensor:
    """Encode the cell centres of a feature map.

    Args:
        map_size: (H, W) of the map.
        size: (B, 2) image sizes (width, height), in pixels.
        stride: pixels a cell.
        num_feats: features an axis.

    Returns:
        (B, 2 * num_feats, H, W).
    """
    v, u = (
        (torch.arange(n, dtype=size.dtype, device=size.device) + 0.5) * stride for n in map_size
    )
    points = torch.stack(torch.meshgrid(u, v, indexing="xy"), dim=-1)
    return sine_encoding(points, size[:, None, None], num_feats).permute(0, 3, 1, 2)
