"""A small correspondence head and objects for it."""

from collections.abc import Callable, Sequence

import pytest
import torch

from epropnp_det.models.batch import ObjectTruth, Views
from epropnp_det.models.objects import ObjectQueries
from epropnp_det.models.pnp_heads import DeformPnPHead, ObjectPredictions
from epropnp_det.models.targets import SampledObjects
from epropnp_det.pnp import PerspectiveCamera
from epropnp_det.pnp.pose import rotate

CHANNELS, HEADS, POINTS, CLASSES, ATTRS = 32, 4, 6, 3, 9
MEANS = [[4.6, 1.7, 1.9], [1.7, 1.3, 0.6], [0.7, 1.8, 0.7]]
STDS = [[0.5, 0.2, 0.2], [0.3, 0.3, 0.2], [0.2, 0.2, 0.1]]
CAM = [[200.0, 0.0, 128.0], [0.0, 190.0, 64.0], [0.0, 0.0, 1.0]]
SIZES = ((16, 32), (8, 16), (4, 8))


class Toy:
    """Random inputs of a head with three classes; double precision unless asked otherwise."""

    means, stds, channels = MEANS, STDS, CHANNELS

    @staticmethod
    def head(dtype=torch.float64, **settings) -> DeformPnPHead:
        head = DeformPnPHead(
            num_classes=CLASSES,
            dim_coder=dict(type="MultiClassLogDimCoder", means=MEANS, stds=STDS),
            in_channels=8,
            channels=CHANNELS,
            num_heads=HEADS,
            num_points=POINTS,
            features=dict(level_channels=(8, 8)),
            point_sampler=dict(feedforward_channels=16, dropout=0.0),
            point_transformer=dict(feedforward_channels=16, dropout=0.0),
            num_proposals=8,
            train_cfg=dict(mc_samples=64),
            **settings,
        )
        head.init_weights()
        # Away from the deliberate start, at which all objects look alike.
        for parameter in head.parameters():
            if parameter.dim() > 1:
                parameter.data += 0.1 * torch.randn_like(parameter)
        return head.to(dtype)

    @staticmethod
    def views(batch: int, dtype=torch.float64) -> Views:
        cam_mats = torch.tensor(CAM, dtype=dtype).repeat(batch, 1, 1)
        cam_mats[:, 0, 2] += torch.arange(batch)
        size, bounds = torch.tensor([256.0, 128]), torch.tensor([-200.0, -200, 456, 328])
        return Views(cam_mats, *(x.to(dtype).repeat(batch, 1) for x in (size, bounds)))

    @staticmethod
    def feats(batch: int, dtype=torch.float64) -> list[torch.Tensor]:
        return [torch.randn(batch, 8, *size, dtype=dtype) for size in SIZES]

    @staticmethod
    def objects(img_ind: list[int], dtype=torch.float64) -> ObjectQueries:
        num = len(img_ind)
        size = torch.tensor([256.0, 128.0], dtype=dtype)
        return ObjectQueries(
            embedding=torch.randn(num, CHANNELS, dtype=dtype),
            center=(0.1 + 0.8 * torch.rand(num, 2, dtype=dtype)) * size,
            stride=torch.tensor([8.0, 16.0, 32.0], dtype=dtype).repeat(num)[:num],
            label=torch.arange(num) % CLASSES,
            img_ind=torch.tensor(img_ind, dtype=torch.long),
            score=torch.rand(num, dtype=dtype),
        )

    @staticmethod
    def truth(num: int, dtype=torch.float64) -> ObjectTruth:
        z = 10 + 20 * torch.rand(num, dtype=dtype)
        velocity = 3 * torch.randn(num, 2, dtype=dtype)
        velocity[1::3] = torch.nan
        pose = torch.stack(
            [z * (torch.rand(num) - 0.5), 0.1 * z, z, 6 * torch.rand(num) - 3], dim=-1
        ).to(dtype)
        return ObjectTruth(
            pose=pose,
            dims=torch.tensor(MEANS, dtype=dtype)[torch.arange(num) % CLASSES]
            * (0.7 + 0.6 * torch.rand(num, 3, dtype=dtype)),
            label=torch.arange(num) % CLASSES,
            velocity=velocity,
            attribute=torch.arange(num) % ATTRS,
        )

    @staticmethod
    def predictions(
        truth: ObjectTruth, cam_mats: torch.Tensor, noise: float = 0.7
    ) -> ObjectPredictions:
        """Correspondences that nearly fit the true poses, as leaves of the gradient."""
        num, num_points, dtype = len(truth.pose), HEADS * POINTS, truth.pose.dtype
        x3d = (torch.rand(num, num_points, 3, dtype=dtype) - 0.5) * truth.dims[:, None]
        points = rotate(truth.pose, x3d) + truth.pose[:, None, :3]
        x2d = PerspectiveCamera(cam_mats).project(points)
        fields = dict(
            x3d=x3d,
            x2d=x2d + noise * torch.randn(num, num_points, 2, dtype=dtype),
            w2d=0.05 + 0.3 * torch.rand(num, num_points, 2, dtype=dtype),
            scale=1 + 4 * torch.rand(num, 2, dtype=dtype),
            dim_code=2 * torch.randn(num, 3, dtype=dtype),
            dims=truth.dims.clone(),
            score_logit=torch.randn(num, dtype=dtype),
            velocity=3 * torch.randn(num, 2, dtype=dtype),
            attr_logit=torch.randn(num, ATTRS, dtype=dtype),
        )
        return ObjectPredictions(**{name: x.requires_grad_() for name, x in fields.items()})

    @staticmethod
    def samples(num: int, dtype=torch.float64) -> SampledObjects:
        weight, uniform = 0.2 + torch.rand(num, dtype=dtype), 0.2 + torch.rand(num, dtype=dtype)
        mean = (w.mean() if num else 1.0 for w in (weight, uniform))
        return SampledObjects(
            torch.arange(num), *(w / m for w, m in zip((weight, uniform), mean, strict=True))
        )


@pytest.fixture
def toy() -> Toy:
    return Toy()


def bilinear(grid: torch.Tensor, row: float, column: float) -> torch.Tensor:
    """Value of a square grid at fractional indices; beyond its ends that of the nearest cell."""
    last = len(grid) - 1
    row, column = (min(max(x, 0.0), float(last)) for x in (row, column))
    top, left = min(int(row), last - 1), min(int(column), last - 1)
    a, b = row - top, column - left
    upper = (1 - b) * grid[top, left] + b * grid[top, left + 1]
    lower = (1 - b) * grid[top + 1, left] + b * grid[top + 1, left + 1]
    return (1 - a) * upper + a * lower


@pytest.fixture
def slow_overlaps() -> Callable[..., torch.Tensor]:
    """Region by region and cell by cell, what others have there added in the exponential."""

    def add(
        values: torch.Tensor, boxes: Sequence[Sequence[float]], images: Sequence[int]
    ) -> torch.Tensor:
        size = values.shape[-1]
        result = []
        for i, (left, top, right, bottom) in enumerate(boxes):
            for row in range(size):
                for column in range(size):
                    u = left + (column + 0.5) / size * (right - left)
                    v = top + (row + 0.5) / size * (bottom - top)
                    total = values[i, row, column]
                    for j, (x1, y1, x2, y2) in enumerate(boxes):
                        inside = x1 <= u <= x2 and y1 <= v <= y2
                        if j != i and images[j] == images[i] and inside:
                            place = (v - y1) / (y2 - y1), (u - x1) / (x2 - x1)
                            there = bilinear(values[j], *(size * x - 0.5 for x in place))
                            total = torch.logaddexp(total, there)
                    result.append(total)
        return torch.stack(result).reshape(values.shape)

    return add
