"""High-resolution features from which correspondences are sampled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from .sine_encoding import sine_encoding_map


class DenseFeatures(BaseModule):
    """Fuse feature levels at one output stride into the keys and values of the attention.

    All levels go through the same convolutions and are enlarged bilinearly to the output stride;
    their concatenation becomes the features. Keys also see a sine encoding of the position
    (EPro-PnP-Det, arXiv 2303.12787).

    Args:
        in_channels: channels of the feature maps.
        level_channels: channels of each bias-free 3x3 convolution.
        num_levels: how many levels are fused, finest first.
        channels: channels of features, keys and values.
        stride: output stride, in pixels; that of the finest level or larger.
        norm_cfg: normalisation of the fused features.
    """

    def __init__(
        self,
        in_channels: int,
        level_channels: Sequence[int] = (256, 128, 128),
        num_levels: int = 3,
        channels: int = 256,
        stride: int = 8,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=dict(type="Xavier", layer="Conv2d", distribution="uniform"))
        self.channels = channels
        self.stride = stride
        self.num_levels = num_levels
        self.level_convs = nn.Sequential(
            *(
                ConvModule(c_in, c_out, 3, padding=1, bias=False)
                for c_in, c_out in zip(
                    (in_channels, *level_channels[:-1]), level_channels, strict=True
                )
            )
        )
        self.fuse = ConvModule(
            num_levels * level_channels[-1],
            channels,
            1,
            norm_cfg=norm_cfg or dict(type="GN", num_groups=32),
        )
        self.key_proj = nn.Conv2d(2 * channels, channels, 1)
        self.value_proj = nn.Conv2d(channels, channels, 1)

    def forward(self, feats: Sequence[Tensor], img_size: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values at the output stride.

        Args:
            feats: (B, C, H_l, W_l) maps, finest first; only the first ``num_levels`` are used.
            img_size: (B, 2) image sizes (width, height), in pixels.

        Returns:
            Key and value maps, both (B, channels, H, W).
        """
        levels = [self.level_convs(x) for x in feats[: self.num_levels]]
        size = levels[0].shape[-2:]
        features = self.fuse(
            torch.cat(
                [F.interpolate(x, size, mode="bilinear", align_corners=False) for x in levels],
                dim=1,
            )
        )
        position = sine_encoding_map(size, img_size, self.stride, self.channels // 2)
        key = self.key_proj(torch.cat([features, position.to(features)], dim=1))
        return key, self.value_proj(features)
