"""Auxiliary losses: every cell of an object's 2D box is to know its object coordinates."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule, normal_init, xavier_init
from torch import Tensor, nn

from epropnp_det.errors import UserError
from epropnp_det.pnp.pose import rotate

from ..batch import AuxiliaryTruth, ImagePoints, ObjectTruth, Views
from ..targets import mean_by_cell, points_in_boxes
from .point_transformer import fibonacci_sphere
from .regions import Regions

# Depth codes: depth = (15 + 15 code) m at a focal length of 1260 px, that of nuScenes' cameras.
DEPTH_MEAN, DEPTH_STD, DEPTH_FOCAL_LENGTH, DEPTH_MODES = 15.0, 15.0, 1260.0, 4


class RegionPredictions(NamedTuple):
    """What each head says of each of ``n`` x ``n`` cells of R regions.

    Attributes:
        x3d: (R, n, n, num_heads, 3) object coordinates along (l, h, w), in metres.
        log_scale: (R, n, n, num_heads, 2) log-scales of the reprojection error.
        logit: (R, n, n, num_heads) attention logits.
    """

    x3d: Tensor
    log_scale: Tensor
    logit: Tensor


@MODELS.register_module()
class AuxiliaryHead(BaseModule):
    """Dense losses over the 2D boxes of the sampled objects (EPro-PnP-Det, arXiv 2303.12787).

    Over each ground-truth box with a sample, keys and values are RoI-aligned to a grid of cells. A
    linear map of each attention head reads object coordinates and log-scales off the values; the
    samples' attention says how far to trust a head. A loss that is None is not computed and owns
    no parameters.

    Args:
        channels: channels of keys and values.
        num_heads: attention heads.
        stride: pixels a cell of the key and value maps.
        region_size: cells along each side of a region.
        loss_proj: of the reprojection error, see :class:`MixtureNLLLoss`.
        loss_regr: of the coordinates at LiDAR points, see :class:`CoordinateNLLLoss` and
            :class:`CoordinateSmoothL1Loss`.
        loss_depth: of the depth at LiDAR points, see :class:`MixtureNLLLoss`.
    """

    def __init__(
        self,
        channels: int = 256,
        num_heads: int = 8,
        stride: int = 8,
        region_size: int = 14,
        loss_proj: dict | None = None,
        loss_regr: dict | None = None,
        loss_depth: dict | None = None,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.region_size = region_size
        self.weight = nn.Parameter(torch.zeros(num_heads, 5, channels // num_heads))
        self.bias = nn.Parameter(torch.zeros(num_heads, 5))
        self.loss_proj = loss_proj and MODELS.build(loss_proj)
        self.loss_regr = loss_regr and MODELS.build(loss_regr)
        self.loss_depth = loss_depth and MODELS.build(loss_depth)
        if loss_depth:
            self.depth_branch = nn.Sequential(
                nn.Linear(channels, channels),
                nn.ReLU(),
                nn.Linear(channels, channels),
                nn.ReLU(),
                nn.Linear(channels, 2 * DEPTH_MODES),
            )

    def init_weights(self) -> None:
        """Coordinates start on a sphere of radius 1/2, one direction a head; scales at 1."""
        super().init_weights()
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)
        self.bias.data[:, :3] = fibonacci_sphere(len(self.bias)) / 2
        if self.loss_depth:
            xavier_init(self.depth_branch[0], distribution="uniform")
            xavier_init(self.depth_branch[2], distribution="uniform")
            normal_init(self.depth_branch[4], std=0.01)

    def loss(
        self,
        key: Tensor,
        value: Tensor,
        query: Tensor,
        dims: Tensor,
        weight: Tensor,
        truth: AuxiliaryTruth,
        views: Views,
    ) -> dict[str, Tensor]:
        """Auxiliary losses of S samples.

        Args:
            key: (B, C, H, W) keys.
            value: (B, C, H, W) values.
            query: (S, num_heads, C / num_heads) queries of the samples.
            dims: (S, 3) their predicted sizes (l, h, w), in metres.
            weight: (S,) their weights.
            truth: the ground truth.
            views: the cameras of the B images.

        Returns:
            Those of ``loss_proj``, ``loss_regr`` and ``loss_depth`` that the config asks for; zero,
            with zero gradient, where no region or no point is there.

        Raises:
            UserError: a loss learns from LiDAR points, but none were loaded.
        """
        if truth.points is None and (self.loss_regr or self.loss_depth):
            raise UserError(
                "the losses of object coordinates and depth learn from LiDAR points, which the "
                'batch lacks: add LoadCameraLidarPoints before Pack3DDetInputs and "points" to the '
                "keys of the latter in train_pipeline."
            )
        losses = {}
        with torch.autocast(key.device.type, enabled=False):
            key, value, query = (x.to(views.cam_mats.dtype) for x in (key, value, query))
            if self.loss_proj or self.loss_regr:
                gt_ind = boxes_with_samples(truth)
                objects = truth.objects.take(gt_ind)
                regions = Regions(truth.bboxes[gt_ind], truth.img_ind[gt_ind], self.region_size)
                share = (truth.gt_ind == gt_ind[:, None]) * weight
                share = share / share.sum(1, keepdim=True)
                pred = self.read_out(regions, key, value, share, query, dims)
            if self.loss_proj:
                losses["loss_proj"] = self._loss_proj(regions, pred, objects, views)
            if self.loss_regr:
                losses["loss_regr"] = self._loss_regr(regions, pred, objects, truth.points)
            if self.loss_depth:
                losses["loss_depth"] = self._loss_depth(value, truth.points, views)
        return losses

    def read_out(
        self,
        regions: Regions,
        key: Tensor,
        value: Tensor,
        share: Tensor,
        query: Tensor,
        dims: Tensor,
    ) -> RegionPredictions:
        """Coordinates, log-scales and attention of each cell.

        Args:
            regions: R regions.
            key: (B, C, H, W) keys.
            value: (B, C, H, W) values.
            share: (R, S) weights of the samples of each region, which add up to 1.
            query: (S, num_heads, C / num_heads) queries.
            dims: (S, 3) predicted sizes, in metres.

        Returns:
            The predictions of the R regions.
        """
        heads = (len(self.weight), -1)
        key, value = (regions.align(x, self.stride).unflatten(1, heads) for x in (key, value))
        # Linear in the query: the mean of the logits is the logit of the mean.
        query = torch.einsum("rs,shc->rhc", share, query)
        logit = torch.einsum("rhc,rhcyx->ryxh", query, key) / math.sqrt(query.shape[-1])
        output = torch.einsum("rhcyx,hoc->ryxho", value, self.weight) + self.bias
        coordinates, log_scale = output.split([3, 2], dim=-1)
        dims = share @ dims.detach()
        return RegionPredictions(coordinates * dims[:, None, None, None], log_scale, logit)

    def _loss_proj(
        self, regions: Regions, pred: RegionPredictions, truth: ObjectTruth, views: Views
    ) -> Tensor:
        """Reprojection of every cell with the true pose, as a share of the object's size."""
        camera = views.cameras(regions.img_ind)
        points = rotate(truth.pose, pred.x3d.flatten(1, 3)) + truth.pose[:, None, :3]
        projected = camera.project(points).unflatten(1, pred.logit.shape[1:])
        # A fifth of the object's size, in pixels.
        depth = truth.pose[:, 2].clamp(min=camera.z_min)
        unit = 0.2 * camera.cam_mats[:, 0, 0] * truth.dims.mean(-1) / depth
        # The published RoI-align of pixel coordinates knows none beyond those of the image.
        last = (views.img_size[regions.img_ind] - 0.5)[:, None, None]
        error = projected - regions.pixels().clamp(min=0.5).minimum(last)[..., None, :]

        overlaps = regions.overlaps()
        cells = pred.logit.shape[:3]
        log_weight = pred.logit - overlaps.logsumexp(pred.logit.logsumexp(-1))[..., None]
        return self.loss_proj(
            (error / unit[:, None, None, None, None]).flatten(0, 2),
            log_weight.flatten(0, 2),
            pred.log_scale.flatten(0, 2),
            merge=lambda x: overlaps.logsumexp(x.reshape(cells)).flatten(),
        )

    def _loss_regr(
        self, regions: Regions, pred: RegionPredictions, truth: ObjectTruth, points: ImagePoints
    ) -> Tensor:
        """Coordinates of the cells in which LiDAR points of the object lie."""
        region, point, target = points_in_boxes(points, truth, regions.img_ind)
        cell, inside = regions.cell_of(points.pixel[point], region)
        cell, target = mean_by_cell(cell[inside], target[inside])
        return self.loss_regr(
            pred.x3d.flatten(0, 2)[cell] - target[:, None],
            pred.logit.flatten(0, 2)[cell],
            truth.dims[cell // self.region_size**2],
        )

    def _loss_depth(self, value: Tensor, points: ImagePoints, views: Views) -> Tensor:
        """Depth of every LiDAR point from the value at its pixel."""
        extent = value.new_tensor([value.shape[-1], value.shape[-2]]) * self.stride
        grid = 2 * points.pixel / extent - 1
        # One call an image: each has another number of points.
        sampled = [
            F.grid_sample(
                value[i : i + 1],
                grid[points.img_ind == i][None, None],
                padding_mode="border",
                align_corners=False,
            )[0, :, 0].T
            for i in range(len(value))
        ]
        depth, logit = self._depth_modes(torch.cat(sampled), views.cam_mats[points.img_ind])
        error = depth - points.xyz[:, 2:]
        return self.loss_depth(error[..., None], logit.log_softmax(-1))

    def predict_depth(self, value: Tensor, cam_mats: Tensor) -> Tensor:
        """The likeliest depth at cells or points, of a head with ``loss_depth``.

        Args:
            value: (..., C) values.
            cam_mats: (3, 3), or (..., 3, 3) the camera of each.

        Returns:
            (...) metres.
        """
        depth, logit = self._depth_modes(value.to(cam_mats.dtype), cam_mats)
        return depth.gather(-1, logit.argmax(-1, keepdim=True)).squeeze(-1)

    def _depth_modes(self, value: Tensor, cam_mats: Tensor) -> tuple[Tensor, Tensor]:
        """Depths (..., DEPTH_MODES), in metres, and their logits."""
        code, logit = self.depth_branch(value).unflatten(-1, (-1, 2)).unbind(-1)
        focal_length = (cam_mats[..., 0, 0] + cam_mats[..., 1, 1]) / 2
        zoom = (focal_length / DEPTH_FOCAL_LENGTH)[..., None]
        return (DEPTH_MEAN + DEPTH_STD * code) * zoom, logit


def boxes_with_samples(truth: AuxiliaryTruth) -> Tensor:
    """(R,) indices of the ground-truth boxes of some extent that have a sample."""
    gt_ind = truth.gt_ind.unique()
    boxes = truth.bboxes[gt_ind]
    return gt_ind[(boxes[:, 2:] > boxes[:, :2]).all(-1)]
