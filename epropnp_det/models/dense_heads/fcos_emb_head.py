"""Dense head: where objects are, of which class, and an embedding of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmcv.cnn import ConvModule
from mmdet.utils import reduce_mean
from mmdet3d.registry import MODELS, TASK_UTILS
from mmengine.model import BaseModule, bias_init_with_prob
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..layers.point_generator import PointGenerator
from ..objects import ObjectQueries
from ..settings import TestSettings, TrainSettings
from ..targets import ObjectSampler, SampledObjects


class DenseOutputs(NamedTuple):
    """Outputs over all P cells of all levels (levels in order, rows, columns), per image.

    Attributes:
        cls_logit: (B, P, num_classes).
        centerness_logit: (B, P).
        center: (B, P, num_classes or 1, 2) reference points (u, v), in network-input pixels.
        embedding: (B, P, C) object embeddings.
        stride: (B, P) stride of each cell's level, in pixels.
        boxes: (B, P, 4) 2D boxes (x1, y1, x2, y2) around the cells' centres, in pixels; (B, P, 0)
            where they are not computed.
    """

    cls_logit: Tensor
    centerness_logit: Tensor
    center: Tensor
    embedding: Tensor
    stride: Tensor
    boxes: Tensor


class DenseTargets(NamedTuple):
    """Ground truth of a batch, concatenated over its G objects, and its assignment to cells.

    Attributes:
        gt_ind: (B, P) object of each cell, numbered over the batch; -1 for background.
        centerness: (B, P) centerness targets.
        labels: (G,) classes.
        boxes: (G, 4) 2D boxes (x1, y1, x2, y2), in pixels.
        centers: (G, 2) target centres (u, v), in pixels.
    """

    gt_ind: Tensor
    centerness: Tensor
    labels: Tensor
    boxes: Tensor
    centers: Tensor


@MODELS.register_module()
class FCOSEmbHead(BaseModule):
    """FCOS3D towers with class, centerness, reference-point and embedding branches.

    Args:
        num_classes: number of foreground classes.
        in_channels: channels of the feature maps.
        feat_channels: channels of the towers.
        emb_channels: channels of the object embedding.
        centerness_channels: channels of the centerness branch.
        strides: stride of each level, in pixels.
        start_level: how many of the finest levels the head leaves out; ``strides`` are the rest's.
        stacked_convs: convolutions in each tower.
        dcn_on_last_conv: make the last one deformable (DCNv2).
        center_per_class: predict one reference point per class instead of one.
        norm_cfg: normalisation of the towers.
        assigner: which cells are positive, see :class:`CenterPointAssigner`.
        center_target: target centre of an object, see :class:`VolumeCenter`.
        loss_cls, loss_centerness, loss_center: class, centerness and reference-point losses.
        loss_bbox: loss of 2D boxes, which only training needs; None for a head without them.
        train_cfg, test_cfg: see :class:`TrainSettings` and :class:`TestSettings`.
        init_cfg: initialisation, see mmengine.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 256,
        feat_channels: int = 256,
        emb_channels: int = 256,
        centerness_channels: int = 64,
        strides: Sequence[int] = (8, 16, 32, 64, 128),
        start_level: int = 0,
        stacked_convs: int = 2,
        dcn_on_last_conv: bool = True,
        center_per_class: bool = True,
        norm_cfg: dict | None = None,
        assigner: dict | None = None,
        center_target: dict | None = None,
        loss_cls: dict | None = None,
        loss_centerness: dict | None = None,
        loss_center: dict | None = None,
        loss_bbox: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if init_cfg is None:
            biases = dict(conv_cls=bias_init_with_prob(0.01))
            if loss_bbox:
                # Boxes start some strides wide: a side that is clipped at 0 would learn nothing.
                biases["conv_box"] = 3.0
            init_cfg = dict(
                type="Normal",
                layer="Conv2d",
                std=0.01,
                override=[
                    dict(type="Normal", name=name, std=0.01, bias=bias)
                    for name, bias in biases.items()
                ],
            )
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.strides = tuple(strides)
        self.start_level = start_level
        self.test_settings = TestSettings(**(test_cfg or {}))
        norm_cfg = norm_cfg or dict(type="GN", num_groups=32, requires_grad=True)

        def tower() -> nn.Sequential:
            channels = [in_channels] + [feat_channels] * stacked_convs
            deformable = [False] * (stacked_convs - 1) + [dcn_on_last_conv]
            return nn.Sequential(
                *(
                    ConvModule(
                        c_in,
                        feat_channels,
                        3,
                        padding=1,
                        conv_cfg=dict(type="GatherDCNv2") if dcn else None,
                        norm_cfg=norm_cfg,
                    )
                    for c_in, dcn in zip(channels[:-1], deformable, strict=True)
                )
            )

        def branch(channels: int) -> ConvModule:
            return ConvModule(feat_channels, channels, 3, padding=1, norm_cfg=norm_cfg)

        self.cls_tower = tower()
        self.reg_tower = tower()
        self.cls_branch = branch(feat_channels)
        self.centerness_branch = branch(centerness_channels)
        self.center_branch = branch(feat_channels)
        self.emb_branch = branch(feat_channels)
        self.conv_cls = nn.Conv2d(feat_channels, num_classes, 1)
        self.conv_centerness = nn.Conv2d(centerness_channels, 1, 1)
        self.num_centers = num_classes if center_per_class else 1
        self.conv_center = nn.Conv2d(feat_channels, 2 * self.num_centers, 1)
        self.conv_emb = ConvModule(feat_channels, emb_channels, 1, norm_cfg=norm_cfg)

        self.point_generator = PointGenerator(self.strides, offset=0.5)
        self.assigner = TASK_UTILS.build(assigner or dict(type="CenterPointAssigner"))
        self.center_target = TASK_UTILS.build(center_target or dict(type="VolumeCenter"))
        self.sampler = ObjectSampler(TrainSettings(**(train_cfg or {})).samples_per_img)
        self.loss_cls = MODELS.build(
            loss_cls
            or dict(
                type="mmdet.FocalLoss", use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0
            )
        )
        self.loss_centerness = MODELS.build(
            loss_centerness
            or dict(type="mmdet.CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0)
        )
        self.loss_center = MODELS.build(
            loss_center or dict(type="mmdet.SmoothL1Loss", beta=1.0, loss_weight=1.0)
        )
        self.loss_bbox = loss_bbox and MODELS.build(loss_bbox)
        if loss_bbox:
            self.box_branch = branch(feat_channels)
            self.conv_box = nn.Conv2d(feat_channels, 4, 1)

    def forward(self, feats: Sequence[Tensor], for_loss: bool = False) -> DenseOutputs:
        """Predict for every cell.

        Args:
            feats: one (B, C, H_l, W_l) map a level, finest first.
            for_loss: predict what only losses look at, too.

        Returns:
            The outputs, all levels together.

        Raises:
            ValueError: the numbers of maps and of strides differ.
        """
        feats = feats[self.start_level :]
        if len(feats) != len(self.strides):
            raise ValueError(f"{len(feats)} feature maps, but {len(self.strides)} strides")
        levels = [self._forward_level(x, i, for_loss) for i, x in enumerate(feats)]
        return DenseOutputs(*(torch.cat(level, dim=1) for level in zip(*levels, strict=True)))

    def _forward_level(self, x: Tensor, level: int, for_loss: bool) -> DenseOutputs:
        cls_feat, reg_feat = self.cls_tower(x), self.reg_tower(x)

        def per_cell(y: Tensor) -> Tensor:
            return y.flatten(2).transpose(1, 2)

        # Pixels stay in single precision: half of it cannot tell neighbours at 1600 px.
        offset = per_cell(self.conv_center(self.center_branch(reg_feat))).float()
        offset = offset.unflatten(-1, (self.num_centers, 2))
        cells = self.point_generator.single_level_grid_priors(
            x.shape[-2:], level, dtype=offset.dtype, device=x.device
        )
        boxes = offset.new_zeros(len(x), cells.shape[0], 0)
        if for_loss and self.loss_bbox:
            sides = per_cell(self.conv_box(self.box_branch(reg_feat))).float().relu()
            left_top, right_bottom = (sides * self.strides[level]).chunk(2, dim=-1)
            boxes = torch.cat([cells - left_top, cells + right_bottom], dim=-1)
        return DenseOutputs(
            per_cell(self.conv_cls(self.cls_branch(cls_feat))),
            per_cell(self.conv_centerness(self.centerness_branch(reg_feat))).squeeze(-1),
            cells[:, None] + offset * self.strides[level],
            per_cell(self.conv_emb(self.emb_branch(reg_feat))),
            cells.new_full((len(x), cells.shape[0]), self.strides[level]),
            boxes,
        )

    @torch.no_grad()
    def get_targets(
        self,
        feat_sizes: Sequence[tuple[int, int]],
        gt_instances: Sequence[InstanceData],
        gt_boxes_3d: Sequence[Tensor],
        cam_mats: Tensor,
    ) -> DenseTargets:
        """Assign the ground truth of a batch to cells.

        Args:
            feat_sizes: (H_l, W_l) of each map that :meth:`forward` takes.
            gt_instances: per image, ``bboxes`` (G_b, 4) and ``labels`` (G_b,).
            gt_boxes_3d: per image, (G_b, 7) gravity centre, size (l, h, w) and yaw.
            cam_mats: (B, 3, 3) camera matrices.

        Returns:
            The targets of the whole batch.
        """
        points = self.point_generator.grid_priors(
            feat_sizes[self.start_level :], dtype=cam_mats.dtype, device=cam_mats.device
        )
        centers, gt_inds, centerness = [], [], []
        num_gt = 0
        for gt, boxes_3d, cam_mat in zip(gt_instances, gt_boxes_3d, cam_mats, strict=True):
            with torch.autocast(cam_mat.device.type, enabled=False):
                center = self.center_target(boxes_3d, gt.bboxes, cam_mat)
            assigned = self.assigner.assign(points, self.strides, gt.bboxes, center)
            gt_inds.append(torch.where(assigned.gt_ind >= 0, assigned.gt_ind + num_gt, -1))
            centerness.append(assigned.centerness)
            centers.append(center)
            num_gt += len(center)
        return DenseTargets(
            torch.stack(gt_inds),
            torch.stack(centerness),
            torch.cat([gt.labels for gt in gt_instances]),
            torch.cat([gt.bboxes for gt in gt_instances]),
            torch.cat(centers),
        )

    def loss(self, outputs: DenseOutputs, targets: DenseTargets) -> dict[str, Tensor]:
        """Class, centerness, reference-point and box losses (EPro-PnP-Det, arXiv 2303.12787).

        Args:
            outputs: predictions of :meth:`forward` for the loss.
            targets: from :meth:`get_targets`.

        Returns:
            ``loss_cls``, ``loss_centerness``, ``loss_center`` and, where the config asks for it,
            ``loss_bbox``; all but the first are zero, with zero gradient, in a batch without
            positives.
        """
        cls_logit, centerness_logit = outputs.cls_logit.float(), outputs.centerness_logit.float()
        positive = targets.gt_ind >= 0
        gt_ind, weight = targets.gt_ind[positive], targets.centerness[positive]
        num_pos = reduce_mean(positive.sum().float()).clamp(min=1)
        sum_weight = reduce_mean(weight.sum()).clamp(min=1e-6)

        labels = torch.full_like(targets.gt_ind, self.num_classes)
        labels[positive] = targets.labels[gt_ind]
        box_size = targets.boxes[:, 2:] - targets.boxes[:, :2]
        error = self._of_class(outputs.center[positive], labels[positive]) - targets.centers[gt_ind]
        relative_error = error / (0.2 * (box_size[gt_ind] + 4))
        losses = dict(
            loss_cls=self.loss_cls(cls_logit.flatten(0, 1), labels.flatten(), avg_factor=num_pos),
            loss_centerness=self.loss_centerness(
                centerness_logit[positive], weight, avg_factor=num_pos
            ),
            loss_center=self.loss_center(
                relative_error,
                torch.zeros_like(relative_error),
                weight[:, None].expand_as(relative_error),
                avg_factor=2 * sum_weight,
            ),
        )
        if self.loss_bbox:
            losses["loss_bbox"] = self.loss_bbox(
                outputs.boxes[positive], targets.boxes[gt_ind], weight, avg_factor=sum_weight
            )
        return losses

    def sample(
        self, outputs: DenseOutputs, targets: DenseTargets
    ) -> tuple[ObjectQueries, Tensor, SampledObjects]:
        """Draw positive cells for the per-object losses.

        Returns:
            The S sampled objects with their ground-truth classes, the (S,) ground-truth boxes
            they belong to (numbered over the batch), and their weights.
        """
        img_ind, cell = (targets.gt_ind >= 0).nonzero(as_tuple=True)
        gt_ind = targets.gt_ind[img_ind, cell]
        samples = self.sampler.sample(
            targets.centerness[img_ind, cell], gt_ind, len(targets.gt_ind)
        )
        img_ind, cell, gt_ind = img_ind[samples.index], cell[samples.index], gt_ind[samples.index]
        return (
            self.objects_at(outputs, img_ind, cell, targets.labels[gt_ind]),
            gt_ind,
            samples,
        )

    def select(self, outputs: DenseOutputs) -> ObjectQueries:
        """Pick the objects of each image at test time, best first.

        A cell is an object of a class when its class score times its centerness is at least
        ``test_cfg.score_thr``; at most ``test_cfg.max_per_img`` of them an image.

        Returns:
            The selected objects, images in order.
        """
        return self.objects_at(outputs, *self.select_cells(outputs))

    def select_cells(self, outputs: DenseOutputs) -> tuple[Tensor, Tensor, Tensor]:
        """Images, cells and classes, (M,) each, of the objects of :meth:`select`."""
        top, flat = self.ranked(outputs, self.test_settings.max_per_img)
        img_ind, rank = (top >= self.test_settings.score_thr).nonzero(as_tuple=True)
        return img_ind, *self.cell_and_label(flat[img_ind, rank])

    def ranked(self, outputs: DenseOutputs, num: int) -> tuple[Tensor, Tensor]:
        """The best scores (B, min(num, P * num_classes)), and of which cells and classes."""
        scores = outputs.cls_logit.float().sigmoid()
        scores = scores * outputs.centerness_logit.float().sigmoid()[..., None]
        top, flat = scores.flatten(1).topk(min(num, scores[0].numel()), dim=1)
        return top, flat

    def cell_and_label(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Cells and classes of what :meth:`ranked` has found."""
        return torch.div(flat, self.num_classes, rounding_mode="floor"), flat % self.num_classes

    def objects_at(
        self, outputs: DenseOutputs, img_ind: Tensor, cell: Tensor, label: Tensor
    ) -> ObjectQueries:
        """The objects of given classes (M,) at given images (M,) and cells (M,)."""
        return ObjectQueries(
            embedding=outputs.embedding[img_ind, cell],
            center=self._of_class(outputs.center[img_ind, cell], label),
            stride=outputs.stride[img_ind, cell],
            label=label,
            img_ind=img_ind,
            score=outputs.cls_logit[img_ind, cell, label].float().sigmoid(),
        )

    def _of_class(self, centers: Tensor, labels: Tensor) -> Tensor:
        """Reference points (M, 2) of the given classes, out of (M, num_classes or 1, 2)."""
        if self.num_centers == 1:
            return centers[:, 0]
        return centers[torch.arange(len(labels), device=labels.device), labels]
