"""What a network sees on its way to boxes, caught while it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn

from ..models.dense_heads import DenseOutputs, FCOSEmbHead
from ..models.object_pose import ObjectPoseHead
from ..models.object_pose.settings import PoseTestSettings
from ..models.pnp_heads import DeformPnPHead
from .heat_map import center_heat

_EVERYTHING = dict(return_posterior=True, return_correspondences=True)


class NetworkTap:
    """Adds to data samples what pictures of a network's inner life need.

    While it is open the network attaches posterior and correspondences to its predictions, which
    leaves the boxes as they are, and :meth:`attach` adds to each data sample

    - ``center_heat`` (h, w): the map of :func:`.center_heat`, over the network input;
    - ``depth_map`` (h, w): predicted depth in metres, where the network learned depth;
    - ``num_heads``: the attention heads that the correspondences of one view belong to.

    A network of 6 DoF attaches maps and posterior to its samples by itself. One without such heads
    is left alone. With test-time augmentation the maps are those of the first view.

    Args:
        model: a network, possibly wrapped.
    """

    def __init__(self, model: nn.Module) -> None:
        self._dense_outputs: DenseOutputs | None = None
        self._value: Tensor | None = None
        self._pnp_head: DeformPnPHead | None = None
        self._pose_heads: list[tuple[ObjectPoseHead, PoseTestSettings]] = []
        self._handles = []
        for module in model.modules():
            if isinstance(module, FCOSEmbHead):
                self._handles.append(module.register_forward_hook(self._keep_dense_outputs))
            elif isinstance(module, DeformPnPHead):
                self._pnp_head = module
                self._handles.append(module.features.register_forward_hook(self._keep_value))
            elif isinstance(module, ObjectPoseHead):
                self._pose_heads.append((module, module.test_settings))
                module.test_settings = replace(module.test_settings, **_EVERYTHING)
        if self._pnp_head is not None:
            predictor = self._pnp_head.pose_predictor
            self._settings = predictor.settings
            predictor.settings = replace(self._settings, **_EVERYTHING)

    def close(self) -> None:
        """Leave the network as it was."""
        for handle in self._handles:
            handle.remove()
        if self._pnp_head is not None:
            self._pnp_head.pose_predictor.settings = self._settings
        for head, settings in self._pose_heads:
            head.test_settings = settings

    @torch.no_grad()
    def attach(self, samples: Sequence[Det3DDataSample]) -> None:
        """Add what was caught since the last call to the data samples of the batch."""
        outputs, value = self._dense_outputs, self._value
        self._dense_outputs = self._value = None
        if outputs is None and value is None:
            return
        for i, sample in enumerate(samples):
            height, width = sample.img_shape[:2]
            if outputs is not None:
                sample.center_heat = _heat_of(outputs, i, (width, height))
            if value is None:
                continue
            sampler = self._pnp_head.point_sampler
            # With test-time augmentation the points of all views follow each other.
            if sample.pred_instances_3d.x2d.shape[1] == sampler.num_heads * sampler.num_points:
                sample.num_heads = sampler.num_heads
            auxiliary = self._pnp_head.auxiliary
            if auxiliary and auxiliary.loss_depth:
                stride = self._pnp_head.features.stride
                seen = value[i, :, : -(-height // stride), : -(-width // stride)]
                cam2img = torch.as_tensor(np.asarray(sample.cam2img)[:3, :3]).to(value)
                depth = auxiliary.predict_depth(seen.permute(1, 2, 0), cam2img)
                sample.depth_map = depth.cpu().numpy()

    def _keep_dense_outputs(self, module: nn.Module, inputs: tuple, outputs: DenseOutputs) -> None:
        if self._dense_outputs is None:
            self._dense_outputs = outputs

    def _keep_value(self, module: nn.Module, inputs: tuple, outputs: tuple[Tensor, Tensor]) -> None:
        if self._value is None:
            self._value = outputs[1]


def _heat_of(outputs: DenseOutputs, index: int, image_size: tuple[int, int]) -> np.ndarray:
    """The heat map of one image: each cell's best class times its centerness."""
    score, label = outputs.cls_logit[index].float().sigmoid().max(-1)
    score = score * outputs.centerness_logit[index].float().sigmoid()
    centers = outputs.center[index]
    label = label if centers.shape[1] > 1 else torch.zeros_like(label)
    centers = centers[torch.arange(len(centers), device=label.device), label]
    arrays = (x.cpu().numpy() for x in (centers, score, outputs.stride[index]))
    return center_heat(*arrays, image_size)
