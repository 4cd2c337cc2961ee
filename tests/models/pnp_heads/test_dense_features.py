import math

import pytest
import torch
import torch.nn.functional as F

from epropnp_det.models.pnp_heads.dense_features import DenseFeatures
from epropnp_det.models.pnp_heads.sine_encoding import sine_encoding_map

SIZES = ((6, 10), (3, 5), (2, 3))


def make(dtype=torch.float64, **settings) -> DenseFeatures:
    settings = dict(
        dict(
            in_channels=4, level_channels=(6, 3), channels=8, norm_cfg=dict(type="GN", num_groups=2)
        ),
        **settings,
    )
    module = DenseFeatures(**settings).to(dtype)
    module.init_weights()
    # The default affine part of the normalisation would hide an error in its place.
    torch.nn.init.normal_(module.fuse.gn.weight)
    torch.nn.init.normal_(module.fuse.gn.bias)
    return module


def maps(batch: int = 2, dtype=torch.float64) -> list[torch.Tensor]:
    return [torch.randn(batch, 4, *size, dtype=dtype) for size in SIZES]


def sizes(batch: int = 2, dtype=torch.float64) -> torch.Tensor:
    return torch.tensor([[80.0, 48.0], [72.0, 40.0], [64.0, 48.0]], dtype=dtype)[:batch]


def upsample(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear, cell by cell: each cell of a map stands for its centre."""
    result = x.new_zeros(*x.shape[:2], *size)
    for row in range(size[0]):
        for column in range(size[1]):
            (y0, y1, b), (x0, x1, a) = (
                neighbours((n + 0.5) * have / want - 0.5, have)
                for n, have, want in zip((row, column), x.shape[-2:], size, strict=True)
            )
            top = (1 - a) * x[..., y0, x0] + a * x[..., y0, x1]
            bottom = (1 - a) * x[..., y1, x0] + a * x[..., y1, x1]
            result[..., row, column] = (1 - b) * top + b * bottom
    return result


def neighbours(position: float, num: int) -> tuple[int, int, float]:
    position = min(max(position, 0.0), num - 1.0)
    low = math.floor(position)
    return low, min(low + 1, num - 1), position - low


def group_norm(x: torch.Tensor, groups: int, weight: torch.Tensor, bias: torch.Tensor):
    grouped = x.unflatten(1, (groups, -1)).flatten(2)
    grouped = (grouped - grouped.mean(-1, keepdim=True)) / (
        grouped.var(-1, unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    return grouped.reshape(x.shape) * weight[:, None, None] + bias[:, None, None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_design_step_by_step(dtype):
    module, feats = make(dtype), maps(dtype=dtype)
    key, value = module(feats, sizes(dtype=dtype))

    parameters = dict(module.named_parameters())
    assert "level_convs.0.conv.bias" not in parameters
    levels = []
    for x in feats:
        for i in range(2):
            x = F.conv2d(x, parameters[f"level_convs.{i}.conv.weight"], padding=1).clamp(min=0)
        levels.append(upsample(x, SIZES[0]))
    features = F.conv2d(torch.cat(levels, 1), parameters["fuse.conv.weight"], module.fuse.conv.bias)
    features = group_norm(features, 2, module.fuse.gn.weight, module.fuse.gn.bias).clamp(min=0)
    position = sine_encoding_map(SIZES[0], sizes(dtype=dtype), 8, 4)

    def linear(projection, x):
        return (
            torch.einsum("oc,bchw->bohw", projection.weight[..., 0, 0], x)
            + projection.bias[:, None, None]
        )

    tolerance = dict(atol=1e-5, rtol=1e-4) if dtype == torch.float32 else dict(atol=1e-10, rtol=0)
    torch.testing.assert_close(value, linear(module.value_proj, features), **tolerance)
    expected = linear(module.key_proj, torch.cat([features, position], 1))
    torch.testing.assert_close(key, expected, **tolerance)


def test_gradient():
    module = make()
    feats = [x[:1].requires_grad_() for x in maps()]

    def some(*feats):
        key, value = module(feats, sizes(1))
        return key.sum((2, 3)), value[..., :2, :2]

    assert torch.autograd.gradcheck(some, feats, fast_mode=True)


def test_coarser_levels_than_asked_for_are_ignored():
    module, feats = make(num_levels=2), maps()
    key, value = module(feats, sizes())
    for ours, theirs in zip(module(feats[:2], sizes()), (key, value), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_batch_equals_its_images_one_by_one():
    module, feats = make(), maps(3)
    together = module(feats, sizes(3))
    for i in range(3):
        alone = module([x[i : i + 1] for x in feats], sizes(3)[i : i + 1])
        for one, all_ in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], all_[i])


def test_no_images_and_one_cell():
    module = make(num_levels=1)
    key, value = module([torch.zeros(0, 4, 6, 10).double()], sizes(0))
    assert key.shape == value.shape == (0, 8, 6, 10)
    key, value = module([torch.randn(1, 4, 1, 1).double()], sizes(1))
    assert key.isfinite().all() and value.isfinite().all()


def test_features_do_not_depend_on_position_but_keys_do():
    module, feats = make(), [torch.ones(1, 4, 6, 10).double()] * 3
    module.level_convs[0].conv.padding_mode = module.level_convs[1].conv.padding_mode = "replicate"
    key, value = module(feats, sizes(1))
    torch.testing.assert_close(value, value[..., :1, :1].expand_as(value))
    assert key.std((2, 3)).min() > 1e-3
