"""Dense head: object coordinates and weights for every cell of a crop."""

from __future__ import annotations

from typing import NamedTuple

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

INITIAL_LOG_SCALE = 3.0
"""Bias of the scale branch at the start of a training."""


class CoordinateMaps(NamedTuple):
    """What the network says of B crops, as maps of s x s cells.

    Attributes:
        coords: (B, 3, s, s) object coordinates, in units of the samples' ``half_size``.
        weight_logit: (B, 2, s, s) logits of the weights of u and v.
        scale: (B, 2) positive, by which the weights are multiplied.
    """

    coords: Tensor
    weight_logit: Tensor
    scale: Tensor


@MODELS.register_module()
class CoordinateHead(BaseModule):
    """Rotation branch of CDPN with weights (EPro-PnP, arXiv 2203.13254, section 5.1).

    Each stage doubles the resolution. Coordinates are predicted, and not decoded from a size: the
    network knows its objects.

    Args:
        in_channels: of the feature map.
        channels: of the hidden layers.
        num_stages: S; the maps have 2^S times the cells of the feature map along each side.
        init_cfg: initialisation, see mmengine.
    """

    def __init__(
        self,
        in_channels: int = 512,
        channels: int = 256,
        num_stages: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        layers: list[nn.Module] = []
        for stage in range(num_stages):
            before = channels if stage else in_channels
            upsample = nn.ConvTranspose2d(
                before, channels, 3, stride=2, padding=1, output_padding=1, bias=False
            )
            convs = [nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)]
            for conv in (upsample, *convs):
                layers += [conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        last = channels if num_stages else in_channels
        self.out_layer = nn.Conv2d(last, 5, 1)
        self.scale_branch = nn.Linear(last, 2)

    def init_weights(self) -> None:
        """Initialise; all cells start with the same weight."""
        super().init_weights()
        for layer in (*self.features, self.out_layer):
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, std=0.001)
        nn.init.zeros_(self.out_layer.bias)
        nn.init.zeros_(self.out_layer.weight[3:])
        nn.init.zeros_(self.scale_branch.weight)
        nn.init.constant_(self.scale_branch.bias, INITIAL_LOG_SCALE)

    def forward(self, feat: Tensor) -> CoordinateMaps:
        """Maps of B crops, in single precision or better.

        Args:
            feat: (B, C, h, w), the last feature map.
        """
        feat = self.features(feat)
        maps, log_scale = self.out_layer(feat), self.scale_branch(feat.flatten(2).mean(-1))
        # Poses need what autocast takes away.
        precision = torch.promote_types(maps.dtype, torch.float32)
        coords, logit = maps.to(precision).split([3, 2], dim=1)
        return CoordinateMaps(coords, logit, log_scale.to(precision).exp())
