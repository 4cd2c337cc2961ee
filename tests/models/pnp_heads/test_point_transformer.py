import math

import pytest
import torch

from epropnp_det.models.pnp_heads.deformable_sampler import SampledPoints
from epropnp_det.models.pnp_heads.point_transformer import (
    PointTransformer,
    fibonacci_sphere,
    standardize,
)

HEADS, POINTS, DIMS = 3, 4, 6


def make(dtype=torch.float64) -> PointTransformer:
    module = PointTransformer(HEADS * DIMS, HEADS, feedforward_channels=10).to(dtype).eval()
    module.init_weights()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def make_points(num: int = 2, dtype=torch.float64) -> SampledPoints:
    return SampledPoints(
        embedding=torch.randn(num, HEADS * DIMS, dtype=dtype),
        query=torch.randn(num, HEADS, DIMS, dtype=dtype),
        value=torch.randn(num, HEADS, POINTS, DIMS, dtype=dtype),
        x2d=torch.rand(num, HEADS * POINTS, 2, dtype=dtype) * 200,
        mask=torch.rand(num, HEADS * POINTS, dtype=dtype),
    )


def layer_norm(x: torch.Tensor, norm) -> torch.Tensor:
    x = x - x.mean(-1, keepdim=True)
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias


def slow_transformer(module: PointTransformer, points: SampledPoints, index: int):
    """Coordinates and weights of one object, token by token."""
    attention, ffn = module.layer.attentions[0].attn, module.layer.ffns[0].layers
    mean, std = points.x2d[index].mean(0), points.x2d[index].std(0, unbiased=True)
    tokens, positions = [], []
    for head in range(HEADS):
        for point in range(POINTS):
            query = points.query[index, head] * module.query_scale.scale
            tokens.append(points.value[index, head, point] + query)
            x2d = points.x2d[index, head * POINTS + point]
            scaled = [(x2d[i] - mean[i]) / max(std[i].item(), 1.0) for i in range(2)]
            positions.append(module.position.weight @ torch.stack(scaled) + module.position.bias)
    w_q, w_k, w_v = attention.in_proj_weight.chunk(3)
    b_q, b_k, b_v = attention.in_proj_bias.chunk(3)
    coordinates, logits = [], []
    for i, token in enumerate(tokens):
        query = w_q @ (token + positions[i]) + b_q
        scores = [
            query @ (w_k @ (other + positions[j]) + b_k) / math.sqrt(DIMS)
            for j, other in enumerate(tokens)
        ]
        share = torch.stack(scores).softmax(0)
        mixed = sum(share[j] * (w_v @ other + b_v) for j, other in enumerate(tokens))
        token = token + attention.out_proj.weight @ mixed + attention.out_proj.bias
        token = layer_norm(token, module.layer.norms[0])
        hidden = (ffn[0][0].weight @ token + ffn[0][0].bias).clamp(min=0)
        token = token + ffn[1].weight @ hidden + ffn[1].bias
        token = layer_norm(token, module.layer.norms[1])
        output = module.weight[i // POINTS] @ token + module.bias[i // POINTS]
        coordinates.append(output[:3])
        logits.append(output[3:])
    weights = torch.stack(logits).softmax(0) * points.mask[index][:, None]
    return torch.stack(coordinates), weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_design_token_by_token(dtype):
    module, points = make(dtype), make_points(dtype=dtype)
    with torch.no_grad():
        coordinates, weights = module(points)
        tolerance = dict(atol=1e-4 if dtype == torch.float32 else 1e-10, rtol=1e-4)
        for i in range(2):
            expected = slow_transformer(module, points, i)
            torch.testing.assert_close(coordinates[i], expected[0], **tolerance)
            torch.testing.assert_close(weights[i], expected[1], **tolerance)


def test_gradient():
    module, points = make(), make_points()
    inputs = [x.requires_grad_() for x in points]
    assert torch.autograd.gradcheck(lambda *x: module(SampledPoints(*x)), inputs, fast_mode=True)


def test_batch_equals_its_objects_one_by_one():
    module, points = make(), make_points(4)
    together = module(points)
    for i in range(4):
        alone = module(SampledPoints(*(x[i : i + 1] for x in points)))
        for one, all_ in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], all_[i])


def test_no_objects():
    coordinates, weights = make()(make_points(0))
    assert coordinates.shape == (0, HEADS * POINTS, 3)
    assert weights.shape == (0, HEADS * POINTS, 2)


def test_weights_are_shares_of_the_points_inside():
    points = make_points()
    weights = make()(points._replace(mask=torch.ones_like(points.mask)))[1]
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 2).double())
    outside = torch.zeros_like(points.mask)
    assert make()(points._replace(mask=outside))[1].abs().max() == 0


def test_moving_and_scaling_the_pixels_changes_nothing():
    module, points = make(), make_points()
    moved = points._replace(x2d=3 * points.x2d + torch.tensor([40.0, -9.0]))
    for ours, theirs in zip(module(points), module(moved), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_order_of_the_points_within_a_head_does_not_matter():
    module, points = make(), make_points()
    order = torch.tensor([2, 0, 3, 1])
    shuffled = points._replace(
        value=points.value[:, :, order],
        x2d=points.x2d.unflatten(1, (HEADS, POINTS))[:, :, order].flatten(1, 2),
        mask=points.mask.unflatten(1, (HEADS, POINTS))[:, :, order].flatten(1, 2),
    )
    for ours, theirs in zip(module(points), module(shuffled), strict=True):
        expected = ours.unflatten(1, (HEADS, POINTS))[:, :, order].flatten(1, 2)
        torch.testing.assert_close(theirs, expected)


def test_coincident_pixels_are_finite():
    points = make_points()
    x2d = torch.full_like(points.x2d, 7.0).requires_grad_()
    coordinates, weights = make()(points._replace(x2d=x2d))
    (coordinates.sum() + weights.square().sum()).backward()
    assert coordinates.isfinite().all() and weights.isfinite().all()
    assert x2d.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_standardize(dtype):
    x2d = torch.randn(2, 50, 2, dtype=dtype) * torch.tensor([30.0, 0.2], dtype=dtype) + 500
    scaled = standardize(x2d)
    assert scaled.dtype == dtype
    tolerance = dict(atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(scaled.mean(1), torch.zeros(2, 2, dtype=dtype), **tolerance)
    torch.testing.assert_close(scaled[..., 0].std(1), torch.ones(2, dtype=dtype), **tolerance)
    # A spread below one pixel is not blown up.
    torch.testing.assert_close(scaled[..., 1].std(1), x2d[..., 1].std(1), **tolerance)
    assert standardize(x2d[:0]).shape == (0, 50, 2)


def test_standardize_gradient():
    x2d = (torch.rand(2, 5, 2, dtype=torch.float64) * 40).requires_grad_()
    assert torch.autograd.gradcheck(standardize, x2d)


@pytest.mark.parametrize("num", [1, 8, 32])
def test_fibonacci_sphere_is_spread_evenly(num):
    points = fibonacci_sphere(num)
    torch.testing.assert_close(points.norm(dim=-1), torch.ones(num))
    if num > 1:
        assert points.mean(0).norm() < 0.1
        nearest = (points @ points.T - 2 * torch.eye(num)).amax(-1).acos()
        # The densest packing has about the angle of hexagons of area 4 pi / num.
        densest = math.sqrt(8 * math.pi / (math.sqrt(3) * num))
        assert nearest.min() > 0.7 * densest


def test_initial_coordinates_are_one_direction_a_head():
    module = PointTransformer(32, 8)
    module.init_weights()
    torch.testing.assert_close(module.bias[:, :3], fibonacci_sphere(8) / 2)
    assert module.bias[:, 3:].abs().max() == 0
    assert module.query_scale.scale.item() == pytest.approx(0.1)
