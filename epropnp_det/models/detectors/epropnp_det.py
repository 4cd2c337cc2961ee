"""The detector: objects, correspondences, poses."""

from __future__ import annotations

import torch
from mmdet3d.models.detectors import SingleStageMono3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import BaseDataElement
from torch import Tensor

from ..batch import AuxiliaryTruth, ImagePoints, ObjectTruth, Views


@MODELS.register_module()
class EProPnPDet(SingleStageMono3DDetector):
    """EPro-PnP-Det (arXiv 2203.13254; v2: arXiv 2303.12787).

    Args:
        backbone, neck: from mmdet.
        dense_head: where objects are, see :class:`FCOSEmbHead`.
        bbox_head: their correspondences and poses, see :class:`DeformPnPHead`.
        train_cfg, test_cfg: see :class:`TrainSettings` and :class:`TestSettings`.
        data_preprocessor: normalises and pads images.
        init_cfg: initialisation, see mmengine.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        dense_head: dict,
        bbox_head: dict,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone=backbone,
            neck=neck,
            bbox_head=bbox_head,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        self.dense_head = MODELS.build(dict(dense_head, train_cfg=train_cfg, test_cfg=test_cfg))

    def extract_feat(self, batch_inputs_dict: dict) -> tuple[Tensor, ...]:
        """Feature maps (B, C, H_l, W_l), finest first, of ``imgs`` (B, 3, H, W)."""
        imgs = batch_inputs_dict["imgs"]
        if imgs.device.type == "cpu":  # which convolves maps with the channels last faster
            imgs = imgs.contiguous(memory_format=torch.channels_last)
        return super().extract_feat(dict(batch_inputs_dict, imgs=imgs))

    def loss(
        self, batch_inputs_dict: dict, batch_data_samples: list[Det3DDataSample], **kwargs
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            batch_inputs_dict: ``imgs`` (B, 3, H, W) and, for losses that learn from LiDAR,
                ``points``: per image, the (M_b, 3) points that it shows, camera frame, in metres.
            batch_data_samples: their meta information and ground truth.

        Returns:
            The loss terms of both heads.

        Raises:
            UserError: a loss learns from LiDAR points, but the batch has none.
        """
        feats = self.extract_feat(batch_inputs_dict)
        views = Views.from_samples(batch_data_samples, feats[0].device)
        truth = ObjectTruth.from_samples(batch_data_samples)
        outputs = self.dense_head(feats, for_loss=True)
        counts = [len(s.gt_instances_3d) for s in batch_data_samples]
        targets = self.dense_head.get_targets(
            [x.shape[-2:] for x in feats],
            [s.gt_instances for s in batch_data_samples],
            truth.boxes.split(counts),
            views.cam_mats,
        )
        objects, gt_ind, samples = self.dense_head.sample(outputs, targets)
        points = batch_inputs_dict.get("points")
        auxiliary_truth = AuxiliaryTruth(
            objects=truth,
            bboxes=targets.boxes,
            img_ind=torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(gt_ind),
            gt_ind=gt_ind,
            points=None if points is None else ImagePoints.from_images(points, views),
        )
        return {
            **self.dense_head.loss(outputs, targets),
            **self.bbox_head.loss(
                feats, objects, samples, truth.take(gt_ind), views, auxiliary_truth
            ),
        }

    def predict(
        self, batch_inputs_dict: dict, batch_data_samples: list[Det3DDataSample], **kwargs
    ) -> list[Det3DDataSample]:
        """Detections of a batch, added to its data samples as ``pred_instances_3d``."""
        feats = self.extract_feat(batch_inputs_dict)
        views = Views.from_samples(batch_data_samples, feats[0].device)
        objects = self.dense_head.select(self.dense_head(feats))
        return self.add_pred_to_datasample(
            batch_data_samples, self.bbox_head.predict(feats, objects, views)
        )

    def val_step(self, data: dict) -> list[BaseDataElement]:
        """Detections of a validation batch, and its losses where its ground truth was loaded.

        mmengine's ``ValLoop`` averages the losses of its process over the batches and logs them as
        ``val/loss_*``, their sum as ``val/val_loss``. In a config, with the steps of training that
        are not random::

            val_dataloader = dict(dataset=dict(
                test_mode=False,
                pipeline=[load_image, load_annotations, crop, load_points, pack_train],
            ))

        Args:
            data: ``inputs`` and ``data_samples``, as the data loader gives them.

        Returns:
            The data samples with ``pred_instances_3d``, then perhaps one element with the losses.
        """
        data = self.data_preprocessor(data, False)
        results = self._run_forward(data, mode="predict")
        if all("bboxes_3d" in sample.gt_instances_3d for sample in data["data_samples"]):
            losses = self._run_forward(data, mode="loss")
            results = [*results, BaseDataElement(loss=losses)]
        return results

    def _forward(self, batch_inputs_dict: dict, batch_data_samples=None, **kwargs):
        """Raw outputs of the dense head, for analysis tools such as FLOP counters."""
        return self.dense_head(self.extract_feat(batch_inputs_dict))
