import copy
import math

import pytest
import torch
from mmcv.ops import ModulatedDeformConv2dPack

from epropnp_det.models.layers import GatherDCNv2
from epropnp_det.models.layers.deform_conv import bilinear_corners

SETTINGS = [
    dict(kernel_size=3, padding=1),
    dict(kernel_size=3, padding=1, bias=False),
    dict(kernel_size=3, padding=1, stride=2),
    dict(kernel_size=3, padding=2, dilation=2),
    dict(kernel_size=1),
    dict(kernel_size=(3, 1), padding=(1, 0)),
]
IDS = ["plain", "no bias", "strided", "dilated", "one tap", "oblong"]


def make(dtype=torch.float64, spread: float = 0.5, **settings) -> GatherDCNv2:
    """Sampling positions reach beyond the map, up to some cells from where they start."""
    layer = GatherDCNv2(4, 6, **(settings or SETTINGS[0])).to(dtype)
    torch.nn.init.normal_(layer.conv_offset.weight, std=spread)
    torch.nn.init.normal_(layer.conv_offset.bias, std=spread)
    return layer


def of_mmcv(layer: GatherDCNv2, **settings) -> ModulatedDeformConv2dPack:
    theirs = ModulatedDeformConv2dPack(4, 6, **settings).to(layer.weight.dtype)
    theirs.load_state_dict(layer.state_dict())
    return theirs


def slow(layer: GatherDCNv2, x: torch.Tensor) -> torch.Tensor:
    """One output number after the other; 3x3 taps, stride 1, padding 1."""
    out = layer.conv_offset(x)
    result = torch.zeros(len(x), 6, *out.shape[-2:], dtype=x.dtype)
    for b, c, i, j in torch.cartesian_prod(*map(torch.arange, result.shape)).tolist():
        total = layer.bias[c]
        for tap in range(9):
            row = i - 1 + tap // 3 + out[b, 2 * tap, i, j].item()
            column = j - 1 + tap % 3 + out[b, 2 * tap + 1, i, j].item()
            scale = out[b, 18 + tap, i, j].sigmoid()
            for channel in range(4):
                sample = interpolate(x[b, channel], row, column)
                total = total + layer.weight[c, channel, tap // 3, tap % 3] * scale * sample
        result[b, c, i, j] = total
    return result


def interpolate(plane: torch.Tensor, row: float, column: float) -> torch.Tensor:
    total = plane.new_zeros(())
    for i in range(plane.shape[0]):
        for j in range(plane.shape[1]):
            total += plane[i, j] * max(0, 1 - abs(row - i)) * max(0, 1 - abs(column - j))
    return total


def test_agrees_with_loops():
    layer, x = make(), torch.randn(2, 4, 3, 5).double()
    with torch.no_grad():
        torch.testing.assert_close(layer(x), slow(layer, x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_agrees_with_mmcv(settings, dtype):
    layer, x = make(dtype, **settings), torch.randn(2, 4, 9, 11, dtype=dtype)
    leaves = [x.requires_grad_(), *layer.parameters()]
    theirs = of_mmcv(layer, **settings)
    expected = theirs(x)
    result = layer(x)
    torch.testing.assert_close(result, expected)
    weight = torch.randn_like(result)
    for ours, other in zip(
        torch.autograd.grad((result * weight).sum(), leaves),
        torch.autograd.grad((expected * weight).sum(), [x, *theirs.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(ours, other, atol=1e-4, rtol=1e-4)


def test_gradient():
    layer, x = make(), torch.randn(1, 4, 3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()))


def test_names_of_parameters_are_mmcvs():
    ours, theirs = make(), ModulatedDeformConv2dPack(4, 6, 3, padding=1)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    # Checkpoints older than the layer's second version name the offsets otherwise.
    assert ours._version == theirs._version


def test_groups_of_channels_are_left_to_mmcv():
    settings = dict(kernel_size=3, padding=1, groups=2, deform_groups=2)
    layer, x = make(**settings), torch.randn(1, 4, 5, 6).double()
    torch.testing.assert_close(layer(x), of_mmcv(layer, **settings)(x))


def test_batch_equals_its_images_one_by_one():
    layer, x = make(), torch.randn(3, 4, 5, 6).double()
    together = layer(x)
    for i in range(3):
        torch.testing.assert_close(layer(x[i : i + 1])[0], together[i])


@pytest.mark.parametrize("shape", [(0, 4, 5, 6), (1, 4, 1, 1)], ids=["no images", "one cell"])
def test_small_batches(shape):
    layer, x = make(), torch.randn(shape).double()
    result = layer(x)
    assert result.shape == (shape[0], 6, *shape[2:])
    if len(x):
        torch.testing.assert_close(result, slow(layer, x).detach())


def test_memory_format_does_not_matter():
    layer, x = make(), torch.randn(2, 4, 5, 6).double()
    last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(last), layer(x))


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e30])
def test_what_is_sampled_from_nowhere_is_zero(bad):
    layer, x = make(), torch.randn(1, 4, 5, 6).double()
    torch.nn.init.constant_(layer.conv_offset.bias[:18], bad)
    bias = layer.bias[:, None, None].expand(6, 5, 6)
    torch.testing.assert_close(layer(x)[0], bias)


def test_autocast_keeps_positions():
    # In bfloat16 a position beyond 256 cells is off by one.
    layer = make(torch.float32, spread=0.0)
    x = torch.randn(1, 4, 1, 400)
    exact = torch.nn.functional.conv2d(x, 0.5 * layer.weight, layer.bias, padding=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = layer(x)
    assert result.dtype == torch.bfloat16
    assert (result.float() - exact).abs().max() < 0.02 * exact.abs().max()
    result.float().sum().backward()
    assert layer.weight.grad.isfinite().all()


def test_half_precision_weights():
    layer, x = make(torch.float32), torch.randn(1, 4, 5, 6)
    exact = layer(x)
    result = copy.deepcopy(layer).bfloat16()(x.bfloat16())
    assert result.dtype == torch.bfloat16
    assert (result.float() - exact).abs().mean() < 0.1 * exact.abs().mean()


def test_corners_of_known_positions():
    points = torch.tensor([[0.25, 1.5], [-0.5, 2.0], [1.0, 3.75], [5.0, 0.0]])
    index, weight = bilinear_corners(points, (2, 4))
    plane = torch.arange(8.0) + 1
    values = (plane[index] * weight).sum(-1)
    assert values.tolist() == pytest.approx([3.5, 1.5, 2.0, 0.0])
    assert index.min() >= 0 and index.max() < 8
