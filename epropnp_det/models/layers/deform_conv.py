"""Modulated deformable convolution that is fast without a GPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmcv.ops import ModulatedDeformConv2dPack
from mmdet3d.registry import MODELS
from torch import Tensor

from epropnp_det.pnp.newer_torch import is_exporting


def bilinear_corners(points: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The cells from which a map, zero outside, is interpolated bilinearly.

    Args:
        points: (..., 2) positions (row, column) in cells; a cell's centre is an integer.
        size: (H, W) of the map.

    Returns:
        Indices (..., 4) into the H * W cells, row by row, and the weights (..., 4) of these cells;
        zero where a corner lies outside or the position is not finite.
    """
    limit = torch.tensor(size, device=points.device) - 1
    first = points.floor()
    fraction = points - first
    # Of both axes, the lower and the upper neighbour: (..., 2 axes, 2 neighbours).
    cell = torch.stack([first, first + 1], -1)
    weight = torch.stack([1 - fraction, fraction], -1)
    weight = weight.where((cell >= 0) & (cell <= limit[:, None]), 0.0)
    row, column = cell.long().clamp(min=0).minimum(limit[:, None]).unbind(-2)
    index = row[..., :, None] * size[1] + column[..., None, :]
    weight = weight[..., 0, :, None] * weight[..., 1, None, :]
    return index.flatten(-2), weight.flatten(-2)


@MODELS.register_module()
class GatherDCNv2(ModulatedDeformConv2dPack):
    """DCNv2 (Zhu et al., arXiv 1811.11168) with mmcv's parameters and its kernel, except on a CPU.

    There mmcv's kernel visits one number after the other. Here every sample is a weighted sum of
    four rows of the map, with the channels last, and the convolution a matrix product.

    Args:
        *args: see :class:`mmcv.ops.ModulatedDeformConv2dPack`.
        **kwargs: see there.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W) to (B, C', H', W')."""
        if is_exporting():
            return self._by_grid_sample(x)
        if x.device.type != "cpu" or self.groups * self.deform_groups > 1:
            return super().forward(x)
        size, channels = x.shape[-2:], x.shape[1]
        positions, mask = self._positions(x)
        taps = mask.shape[-1]
        index, weight = bilinear_corners(positions, size)
        index = index + torch.arange(len(x))[:, None, None, None, None] * size.numel()
        weight = weight * mask[..., None]

        rows = x.permute(0, 2, 3, 1).reshape(-1, channels).to(weight)
        if weight.requires_grad and not rows.requires_grad and torch.__version__ < "2.13":
            # 2.1 fails where only the weights are learnt from; those between were not tried.
            rows = rows.detach().requires_grad_()
        sampled = F.embedding_bag(
            index.reshape(-1, 4), rows, per_sample_weights=weight.reshape(-1, 4), mode="sum"
        )
        sampled = sampled.view(*mask.shape[:3], taps * channels).to(self.weight)
        kernel = self.weight.permute(0, 2, 3, 1).flatten(1)
        return F.linear(sampled, kernel, self.bias).permute(0, 3, 1, 2)

    def _by_grid_sample(self, x: Tensor) -> Tensor:
        """The same of operations that every runtime has, for groups of one."""
        positions, mask = self._positions(x)
        batch, rows, columns, taps = mask.shape
        extent = torch.stack([torch.scalar_tensor(cells) for cells in x.shape[:-3:-1]])
        # A cell's centre is an integer here, but half a cell further for the grid.
        grid = (2 * positions.flip(-1) + 1) / extent - 1
        grid = grid.permute(0, 3, 1, 2, 4).flatten(2, 3)
        sampled = F.grid_sample(x, grid, padding_mode="zeros", align_corners=False)
        sampled = sampled * mask.permute(0, 3, 1, 2).flatten(2)[:, None]
        convolved = self.weight.flatten(1) @ sampled.flatten(1, 2)
        if self.bias is not None:
            convolved = convolved + self.bias[:, None]
        return convolved.view(batch, -1, rows, columns)

    def _positions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Where each cell of the result samples the map (B, H', W', taps, 2), and how much counts
        of it, (B, H', W', taps)."""
        offset = self.conv_offset(x).permute(0, 2, 3, 1)  # (B, H', W', 3 * taps)
        taps = offset.shape[-1] // 3
        shift, mask = offset.split([2 * taps, taps], dim=-1)
        return self._taps(offset.shape[1:3]) + shift.unflatten(-1, (taps, 2)), mask.sigmoid()

    def _taps(self, out_size: tuple[int, int]) -> Tensor:
        """(H', W', taps, 2) rows and columns from which a plain convolution would take."""
        rows, columns = (
            (torch.arange(cells) * stride - padding)[:, None] + torch.arange(kernel) * dilation
            for cells, stride, padding, kernel, dilation in zip(
                out_size, self.stride, self.padding, self.kernel_size, self.dilation, strict=True
            )
        )
        grid = torch.broadcast_tensors(rows[:, None, :, None], columns[None, :, None, :])
        # Half precision cannot tell neighbours in a wide map.
        return torch.stack(grid, -1).flatten(2, 3).float()
