"""A small network with images to train it on, and the published one with its reference outputs."""

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
from epropnp_det.models.batch import Views
from epropnp_det.models.objects import ObjectQueries
from epropnp_det.models.settings import TestSettings
from epropnp_det.pnp import HuberCost, PerspectiveCamera, PnPProblem
from epropnp_det.zoo.convert import convert_weights

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


# The published networks, small and with random weights, on two real images.
PUBLISHED_CONFIGS = dict(
    v2="epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py",
    v1b="epropnp-det-v1b-220411_r101-dcn_fpn_4xb3-12e_nus-mono3d.py",
)
PUBLISHED_SIZES = dict(
    backbone=dict(depth=50, base_channels=8),
    neck=dict(in_channels=[64, 128, 256], out_channels=64),
    dense_head=dict(in_channels=64, feat_channels=64, emb_channels=64, centerness_channels=32),
    bbox_head=dict(
        in_channels=64,
        channels=64,
        num_heads=4,
        num_points=8,
        features=dict(level_channels=(64, 32, 32)),
        point_sampler=dict(feedforward_channels=128, dropout=0.0),
        point_transformer=dict(feedforward_channels=64, dropout=0.0),
    ),
)


def load_arrays(path: Path) -> dict[str, torch.Tensor]:
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def published_version() -> str:
    """Which published network the fixtures below are of; a test module may override it."""
    return "v2"


@pytest.fixture(scope="module")
def reference(golden_dir: Path, published_version: str) -> dict[str, torch.Tensor]:
    return load_arrays(golden_dir / f"public_det_{published_version}_outputs.npz")


@pytest.fixture(scope="module")
def training(golden_dir: Path) -> dict[str, torch.Tensor]:
    return load_arrays(golden_dir / "public_det_v2_losses.npz")


@pytest.fixture(scope="module")
def published_weights(golden_dir: Path, published_version: str) -> dict[str, torch.Tensor]:
    path = golden_dir / f"public_det_{published_version}_weights.pth"
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.fixture
def untrained_network(repo_root: Path, published_version: str) -> nn.Module:
    name = PUBLISHED_CONFIGS[published_version]
    config = Config.fromfile(repo_root / "configs/epropnp_det" / name)
    config.merge_from_dict(dict(model=PUBLISHED_SIZES))
    return MODELS.build(config.model)


@pytest.fixture
def weights(
    published_weights: dict[str, torch.Tensor], untrained_network: nn.Module
) -> dict[str, torch.Tensor]:
    """The published weights under our names."""
    return convert_weights(published_weights, untrained_network)


@pytest.fixture
def network(untrained_network: nn.Module, weights: dict[str, torch.Tensor]) -> nn.Module:
    untrained_network.load_state_dict(weights)
    return untrained_network.eval()


@pytest.fixture
def feats(network: nn.Module, reference: dict[str, torch.Tensor]) -> Sequence[torch.Tensor]:
    with torch.no_grad():
        return network.extract_feat(dict(imgs=reference["img"]))


@pytest.fixture
def views(reference: dict[str, torch.Tensor]) -> Views:
    """Cameras as the transforms hand them over that crop the reference's images."""
    samples = []
    for i, stored in enumerate(reference["cam2img_original"].double()):
        metainfo = dict(
            ori_cam2img=stored,
            cam2img=reference["img_transform"][i].double() @ stored,
            ori_shape=tuple(reference["ori_shape"][i].tolist()),
            img_shape=tuple(reference["img_shape"][i].tolist()),
        )
        samples.append(Det3DDataSample(metainfo=metainfo))
    return Views.from_samples(samples, torch.device("cpu"))


@pytest.fixture
def selected(
    network: nn.Module, feats: Sequence[torch.Tensor], reference: dict[str, torch.Tensor]
) -> ObjectQueries:
    """Our selection in the reference's order: it took the best 48 of both images together."""
    head = network.dense_head
    num = len(reference["obj_img_ind"])
    with torch.no_grad():
        outputs = head(feats)
        scores = outputs.cls_logit.sigmoid() * outputs.centerness_logit.sigmoid()[..., None]
        threshold = scores.flatten().topk(num).values[-1].item()
        head.test_settings = TestSettings(score_thr=threshold, max_per_img=num)
        objects = head.select(outputs)
    rank = reference["obj_img_ind"].argsort(stable=True).argsort()
    return ObjectQueries(**{name: field[rank] for name, field in vars(objects).items()})


@pytest.fixture
def problem_in_original_pixels(
    reference: dict[str, torch.Tensor],
) -> Callable[..., PnPProblem]:
    """Pose problems as the reference does: their border is that of the image before the crop."""

    def pose(
        x3d: torch.Tensor, x2d: torch.Tensor, w2d: torch.Tensor, img_ind: torch.Tensor
    ) -> PnPProblem:
        """``x2d`` in pixels of the original image."""
        camera = PerspectiveCamera.of_image(
            reference["cam2img_original"][img_ind], reference["ori_shape"][img_ind]
        )
        return PnPProblem(x3d, x2d, w2d, camera, HuberCost.adaptive(x2d, w2d))

    return pose
