import math

import pytest
import torch

from epropnp_det.models.losses import CoordinateNLLLoss, CoordinateSmoothL1Loss

V2 = dict(sigma=0.2, delta=2.0, loss_weight=2.5)
V1 = dict(beta=0.05, loss_weight=0.25)


def numbers(num: int, dtype=torch.float64):
    error = torch.randn(num, 4, 3, dtype=dtype) * torch.logspace(-2, 1, 4, dtype=dtype)[:, None]
    return error, torch.randn(num, 4, dtype=dtype), 0.5 + 4 * torch.rand(num, 3, dtype=dtype)


def softmax(logits: list[float]) -> list[float]:
    total = sum(math.exp(x) for x in logits)
    return [math.exp(x) / total for x in logits]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num", [1, 6])
def test_mixture_agrees_with_loops(num, dtype):
    error, logit, dims = numbers(num, dtype)
    expected = 0.0
    for each, logits, size in zip(error.tolist(), logit.tolist(), dims.tolist(), strict=True):
        likelihood = 0.0
        for e, weight in zip(each, softmax(logits), strict=True):
            r = math.hypot(*e) / (sum(size) / 3) / 0.2
            h = r * r / 2 if r <= 2 else 2 * r - 2
            likelihood += weight * math.exp(-h) / 0.2**3
        expected -= math.log(likelihood)
    result = CoordinateNLLLoss(**V2).to(dtype)(error, logit, dims)
    assert result.item() == pytest.approx(2.5 * expected / num, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num", [1, 6])
def test_smooth_l1_agrees_with_loops(num, dtype):
    error, logit, dims = numbers(num, dtype)
    expected = 0.0
    for each, logits, size in zip(error.tolist(), logit.tolist(), dims.tolist(), strict=True):
        for e, weight in zip(each, softmax(logits), strict=True):
            x = math.hypot(*e) / max(size)
            expected += weight * (0.5 * x * x / 0.05 if x < 0.05 else x - 0.025)
    result = CoordinateSmoothL1Loss(**V1)(error, logit, dims)
    assert result.dtype == dtype
    assert result.item() == pytest.approx(0.25 * expected / num, rel=1e-5)


@pytest.mark.parametrize(
    "make", [lambda: CoordinateNLLLoss(**V2), lambda: CoordinateSmoothL1Loss(**V1)]
)
def test_gradient_and_no_points(make):
    loss = make().double()
    error, logit, dims = numbers(3)
    inputs = error.requires_grad_(), logit.requires_grad_()
    assert torch.autograd.gradcheck(lambda e, a: loss(e, a, dims), inputs)

    error, logit, dims = numbers(0)
    leaves = error.requires_grad_(), logit.requires_grad_()
    result = loss(*leaves, dims)
    result.backward()
    assert result.item() == 0
    assert all(leaf.grad.shape == leaf.shape for leaf in leaves)
