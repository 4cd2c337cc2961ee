"""Small crops with their truth, and the published 6 DoF network with weights of a recipe."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine import DefaultScope
from torch import Tensor, nn

from epropnp_det.engine.config import load_config
from epropnp_det.models.object_pose import CoordinateMaps
from epropnp_det.pnp import PerspectiveCamera
from epropnp_det.pnp.pose import QuaternionPose, rotate
from epropnp_det.structures import ObjectPoseSample
from epropnp_det.zoo.convert import convert_weights

LINEMOD = [[572.4114, 0.0, 325.2611], [0.0, 573.57043, 242.04899], [0.0, 0.0, 1.0]]
IMAGES = ("CAM_FRONT", "CAM_FRONT", "CAM_BACK", "CAM_BACK")
NAME = "epropnp-6dof-{}_r34_1xb32-160e_lm.py"


def make_sample(cam2img=LINEMOD, **fields) -> ObjectPoseSample:
    """A sample with the metainfo that the head reads; tensors become data."""
    metainfo = dict(
        img_path="a.png",
        gt_index=0,
        score=0.75,
        cam2img=np.array(cam2img),
        crop_center=np.array([330.0, 240.0]),
        crop_size=96.0,
        half_size=np.array([0.05, 0.04, 0.06]),
    )
    data = {name: value for name, value in fields.items() if isinstance(value, Tensor)}
    metainfo.update((name, value) for name, value in fields.items() if name not in data)
    sample = ObjectPoseSample(metainfo=metainfo)
    for name, value in data.items():
        sample.set_data({name: value})
    return sample


@pytest.fixture
def make_object_sample() -> Callable[..., ObjectPoseSample]:
    return make_sample


@pytest.fixture
def make_crops() -> Callable[..., tuple[CoordinateMaps, list[ObjectPoseSample]]]:
    """Crops of objects whose maps are right but for noise, and their samples with the truth."""

    def make(
        batch: int = 3, size: int = 8, dtype: torch.dtype = torch.float64, noise: float = 0.01
    ) -> tuple[CoordinateMaps, list[ObjectPoseSample]]:
        rng = torch.Generator().manual_seed(0)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=rng, dtype=torch.float64)

        half_size = 0.04 + 0.02 * uniform(batch, 3)
        depth = 0.6 + 0.3 * uniform(batch)
        focal, middle = LINEMOD[0][0], torch.tensor([LINEMOD[0][2], LINEMOD[1][2]])
        center = (middle + 40 * uniform(batch, 2) - 20).round()
        side = (0.12 * focal / depth).round()
        translation = torch.cat([(center - middle) / focal, torch.ones(batch, 1)], 1)
        quaternion = QuaternionPose.uniform_rotation(uniform(batch, 3))
        pose = torch.cat([translation * depth[:, None], quaternion], 1)
        # A bent sheet through the object's middle, seen by every cell.
        steps = torch.arange(size, dtype=torch.float64) / size
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).flatten(0, 1)
        pixels = (center - side[:, None] / 2)[:, None] + grid * side[:, None, None]
        cam_mats = torch.tensor(LINEMOD, dtype=torch.float64).repeat(batch, 1, 1)
        rays = PerspectiveCamera(cam_mats).normalise(pixels)
        bend = depth[:, None, None] + 0.02 * (6 * grid[..., :1]).cos()
        points = torch.cat([rays, torch.ones_like(rays[..., :1])], -1) * bend
        inverse = quaternion * torch.tensor([1.0, -1, -1, -1])
        turned = torch.cat([torch.zeros(batch, 3), inverse], 1)
        local = (
            torch.stack(
                [
                    rotate(turned[b : b + 1], (points - pose[:, None, :3])[b : b + 1])[0]
                    for b in range(batch)
                ]
            )
            if batch
            else points
        )
        coords = (local / half_size[:, None]).mT.unflatten(-1, (size, size))
        samples = [
            make_sample(
                crop_center=center[b].numpy(),
                crop_size=side[b].item(),
                half_size=half_size[b].numpy(),
                gt_index=b,
                gt_pose=pose[b].float(),
                gt_coords=coords[b].float(),
                gt_mask=torch.ones(size, size),
            )
            for b in range(batch)
        ]
        maps = CoordinateMaps(
            (coords + noise * torch.randn(coords.shape, generator=rng, dtype=torch.float64)),
            uniform(batch, 2, size, size),
            200 + 100 * uniform(batch, 2),
        )
        return CoordinateMaps(*(x.to(dtype).requires_grad_() for x in maps)), samples

    return make


@pytest.fixture(scope="session")
def reference(golden_dir: Path) -> dict[str, Tensor]:
    with np.load(golden_dir / "public_6dof_v2.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="session")
def reference_v1b(golden_dir: Path) -> dict[str, Tensor]:
    with np.load(golden_dir / "public_6dof_v1b.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="session")
def published_weights(golden_dir: Path) -> dict[str, Tensor]:
    """Weights of the recipe under published names."""
    shapes = json.loads((golden_dir / "published_6dof_keys.json").read_text())
    weights = {}
    for i, name in enumerate(sorted(shapes)):
        n = np.random.RandomState(7000 + i).standard_normal(shapes[name])
        weights[name] = torch.as_tensor(recipe(name, n), dtype=torch.float32)
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.zeros((), dtype=torch.long)
    return weights


def recipe(name: str, n: np.ndarray) -> np.ndarray:
    upsampled = {f"rot_head_net.features.{i}.weight" for i in (0, 9, 18)}
    if name.endswith("running_var"):
        return 1 + 0.2 * abs(n)
    if name.endswith("running_mean"):
        return 0.1 * n
    if name == "monte_carlo_pose_loss.norm_factor":
        return np.ones(())
    if name == "rot_head_net.out_layer.weight":
        return n / 64
    if name == "rot_head_net.scale_branch.weight":
        return 0.003 * n
    if name == "rot_head_net.scale_branch.bias":
        return 3 + 0.1 * n
    if name in upsampled:
        return n * np.sqrt(2 / (n.shape[0] * 9 / 4))
    if name.endswith("weight") and n.ndim == 4:
        return n * np.sqrt(2 / (n.shape[1] * n.shape[2] ** 2))
    return 1 + 0.1 * n if name.endswith("weight") else 0.1 * n


@pytest.fixture(scope="session")
def published(repo_root: Path, published_weights: dict[str, Tensor]) -> Callable[[str], nn.Module]:
    """The network of a config with the weights of the recipe."""

    def build(variant: str) -> nn.Module:
        config = load_config(str(repo_root / "configs/epropnp_6dof" / NAME.format(variant)))
        with DefaultScope.overwrite_default_scope("mmdet3d"):
            network = MODELS.build(config.model)
        network.load_state_dict(convert_weights(published_weights, network))
        return network.eval()

    return build


@pytest.fixture(scope="session")
def network(published: Callable[[str], nn.Module]) -> nn.Module:
    return published("v2-cdpn-init")


@pytest.fixture(scope="session")
def images(keyframe_root: Path) -> list[np.ndarray]:
    """(480, 640, 3) image of each of the reference's crops, BGR."""
    paths = [next((keyframe_root / "samples" / name).iterdir()) for name in IMAGES]
    return [cv2.imread(str(path))[200:680, 300:940] for path in paths]


@pytest.fixture(scope="session")
def samples(reference: dict[str, Tensor]) -> list[ObjectPoseSample]:
    """The reference's crops with their truth."""
    return [
        make_sample(
            crop_center=reference["crop_center"][i].numpy(),
            crop_size=float(reference["crop_size"][i]),
            half_size=reference["half_size"][i].numpy(),
            gt_index=i,
            gt_pose=reference["pose_gt"][i],
            gt_coords=reference["target_noc"][i].float(),
            gt_mask=reference["target_mask"][i, 0].float(),
        )
        for i in range(len(IMAGES))
    ]


@pytest.fixture(scope="session")
def maps(
    network: nn.Module, images: list[np.ndarray], reference: dict[str, Tensor]
) -> CoordinateMaps:
    """What the network says of the reference's crops, which are resized in floating point."""
    crops = []
    for image, center, size in zip(
        images, reference["crop_center"].numpy(), reference["crop_size"].tolist(), strict=True
    ):
        left, top = (center - size / 2 + 0.5).astype(int)
        padded = cv2.copyMakeBorder(
            image.astype(np.float32), 0, size, 0, size, cv2.BORDER_CONSTANT, value=0
        )
        part = cv2.resize(padded[top : top + size, left : left + size], (256, 256))
        crops.append(torch.from_numpy(part.transpose(2, 0, 1)))
    with torch.no_grad():
        batch = network.data_preprocessor(dict(inputs=crops, data_samples=[]))
        assert torch.allclose(batch["inputs"][..., ::8, ::8], reference["net_input"], atol=1e-6)
        return network(batch["inputs"])
