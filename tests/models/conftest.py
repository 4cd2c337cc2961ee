"""A small network, and images with ground truth to train it on."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmengine import Config, ConfigDict, DefaultScope
from mmengine.structures import InstanceData
from torch import nn

import epropnp_det.models  # noqa: F401  registers the modules

IMG_SIZE = (256, 128)
CAM_MAT = [[200.0, 0.0, 128.0], [0.0, 200.0, 64.0], [0.0, 0.0, 1.0]]

SampleMaker = Callable[..., Det3DDataSample]


@pytest.fixture(autouse=True)
def mmdet3d_scope():
    """Names without a scope in a configuration are those of mmdet3d."""
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        yield


@pytest.fixture(scope="session")
def small_config(repo_root: Path) -> ConfigDict:
    """Model part of the small configuration, with fewer pose samples."""
    path = repo_root / "configs/epropnp_det/epropnp-det_r18_fpn_small_nus-mono3d.py"
    config = Config.fromfile(path).model
    config.train_cfg.update(samples_per_img=16, mc_samples=32)
    config.bbox_head.update(num_proposals=16)
    return config


@pytest.fixture
def build(small_config: ConfigDict) -> Callable[..., nn.Module]:
    """Build the small model, or one of its parts, with some arguments replaced."""

    def make(part: str | None = None, **replaced) -> nn.Module:
        config = deepcopy(small_config[part] if part else small_config)
        config.update(replaced)
        module = MODELS.build(config)
        module.init_weights()
        return module

    return make


@pytest.fixture
def make_sample() -> SampleMaker:
    """An image with ground truth; 2D boxes are those around the projected corners."""

    def make(
        boxes: Sequence[Sequence[float]] = (),
        labels: Sequence[int] = (),
        bboxes: Sequence[Sequence[float]] | None = None,
    ) -> Det3DDataSample:
        """``boxes``: gravity centre, l, h, w, yaw, vx, vz; ``bboxes``: x1, y1, x2, y2."""
        boxes_3d = CameraInstance3DBoxes(
            torch.tensor(boxes, dtype=torch.float32).reshape(-1, 9),
            box_dim=9,
            origin=(0.5, 0.5, 0.5),
        )
        if bboxes is None:
            pixels = boxes_3d.corners @ torch.tensor(CAM_MAT).T
            pixels = pixels[..., :2] / pixels[..., 2:].clamp(min=0.1)
            pixels = pixels.clamp(min=0).minimum(torch.tensor(IMG_SIZE))
            bboxes = torch.cat([pixels.amin(1), pixels.amax(1)], dim=-1)
        labels = torch.tensor(labels, dtype=torch.long)
        sample = Det3DDataSample(
            metainfo=dict(cam2img=np.array(CAM_MAT), img_shape=IMG_SIZE[::-1], sample_idx=0)
        )
        sample.gt_instances = InstanceData(
            bboxes=torch.as_tensor(bboxes, dtype=torch.float32).reshape(-1, 4), labels=labels
        )
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=boxes_3d, labels_3d=labels, attr_labels=torch.full_like(labels, 6)
        )
        return sample

    return make
