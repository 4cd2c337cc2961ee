"""The detector: objects, correspondences, poses."""

from __future__ import annotations

from mmdet3d.models.detectors import SingleStageMono3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from ..batch import ObjectTruth, Views


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

    def loss(
        self, batch_inputs_dict: dict, batch_data_samples: list[Det3DDataSample], **kwargs
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            batch_inputs_dict: ``imgs`` (B, 3, H, W).
            batch_data_samples: their meta information and ground truth.

        Returns:
            The loss terms of both heads.
        """
        feats = self.extract_feat(batch_inputs_dict)
        views = Views.from_samples(batch_data_samples, feats[0].device)
        truth = ObjectTruth.from_samples(batch_data_samples)
        outputs = self.dense_head(feats)
        targets = self.dense_head.get_targets(
            [x.shape[-2:] for x in feats],
            [s.gt_instances for s in batch_data_samples],
            truth.boxes.split([len(s.gt_instances_3d) for s in batch_data_samples]),
            views.cam_mats,
        )
        objects, gt_ind, samples = self.dense_head.sample(outputs, targets)
        return {
            **self.dense_head.loss(outputs, targets),
            **self.bbox_head.loss(feats, objects, samples, truth.take(gt_ind), views),
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

    def _forward(self, batch_inputs_dict: dict, batch_data_samples=None, **kwargs):
        """Raw outputs of the dense head, for analysis tools such as FLOP counters."""
        return self.dense_head(self.extract_feat(batch_inputs_dict))
