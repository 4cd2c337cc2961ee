"""The 6 DoF network: crops, correspondences, poses."""

from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModel
from torch import Tensor

from ...structures import ObjectPoseSample
from .coordinate_head import CoordinateMaps


@MODELS.register_module()
class EProPnP6DoF(BaseModel):
    """EPro-PnP-6DoF (arXiv 2203.13254, section 5.1; v2: arXiv 2303.12787).

    Args:
        backbone: from mmdet; its last feature map is read.
        coordinate_head: correspondences of every cell, see :class:`CoordinateHead`.
        pose_head: losses and poses, see :class:`ObjectPoseHead`.
        train_cfg, test_cfg: see :class:`PoseTrainSettings` and :class:`PoseTestSettings`.
        data_preprocessor: normalises images.
        init_cfg: initialisation, see mmengine.
    """

    def __init__(
        self,
        backbone: dict,
        coordinate_head: dict,
        pose_head: dict,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.coordinate_head = MODELS.build(coordinate_head)
        self.pose_head = MODELS.build(dict(pose_head, train_cfg=train_cfg, test_cfg=test_cfg))

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[ObjectPoseSample] | None = None,
        mode: str = "tensor",
    ) -> dict[str, Tensor] | list[ObjectPoseSample] | CoordinateMaps:
        """What mmengine's loops ask for.

        Args:
            inputs: (B, 3, H, W) normalised crops, H and W multiples of the backbone's stride.
            data_samples: their samples; not needed for maps.
            mode: ``loss`` for a dict of losses, ``predict`` for the samples with ``pred_pose``,
                ``pred_cov``, ``pred_cost`` and ``pred_score`` and what ``test_cfg`` adds,
                ``tensor`` for the maps alone.

        Raises:
            UserError: a loss learns from what a sample lacks.
            ValueError: there is no such mode.
        """
        if mode not in ("loss", "predict", "tensor"):
            raise ValueError(f"mode must be loss, predict or tensor, got {mode!r}.")
        maps = self.maps(inputs)
        if mode == "loss":
            return self.pose_head.loss(maps, data_samples)
        return self._predicted(maps, data_samples) if mode == "predict" else maps

    def maps(self, inputs: Tensor) -> CoordinateMaps:
        """Correspondences of every cell of crops (B, 3, H, W)."""
        if inputs.device.type == "cpu":  # which convolves maps with the channels last faster
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return self.coordinate_head(self.backbone(inputs)[-1])

    def _predicted(
        self, maps: CoordinateMaps, samples: list[ObjectPoseSample]
    ) -> list[ObjectPoseSample]:
        settings = self.pose_head.test_settings
        found = self.pose_head.predict(maps, samples)
        for i, sample in enumerate(samples):
            sample.pred_pose = found.pose[i]
            sample.pred_cov = found.covariance[i]
            sample.pred_cost = found.cost[i].item()
            sample.pred_score = float(sample.score) if found.valid[i] else 0.0
            sample.pred_valid = found.valid[i].item()
            if settings.return_correspondences:
                sample.pred_coords = maps.coords[i]
                sample.pred_weights = found.weights[i]
            if settings.return_posterior:
                sample.pose_samples = found.samples[i]
                sample.pose_log_weights = found.log_weights[i]
        return samples
