import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import CauchyCost, HuberCost


def test_golden_delta(golden):
    delta = HuberCost.adaptive(golden["x2d"], golden["w2d"]).delta
    assert_close(delta, golden["huber_delta"], rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huber_values_by_hand(dtype):
    cost = HuberCost(torch.tensor([2.0], dtype=dtype))
    squared = torch.tensor([[0.0, 1.0, 4.0, 25.0]], dtype=dtype)
    assert_close(cost.rho(squared), torch.tensor([[0.0, 0.5, 2.0, 8.0]], dtype=dtype))
    assert_close(cost.weight(squared), torch.tensor([[1.0, 1.0, 1.0, 0.4]], dtype=dtype))


def test_cauchy_values_by_hand():
    cost = CauchyCost(2.0)
    squared = torch.tensor([0.0, 4.0], dtype=torch.float64)
    assert_close(cost.rho(squared), torch.tensor([0, 2 * math.log(2)], dtype=torch.float64))
    assert_close(cost.weight(squared), torch.tensor([1, 0.5], dtype=torch.float64))


@pytest.mark.parametrize("kind", [HuberCost, CauchyCost])
def test_gradients(kind):
    squared = torch.tensor([[0.0, 0.3, 3.0], [0.5, 9.0, 100.0]], dtype=torch.float64)
    delta = torch.tensor([0.7, 2.0], dtype=torch.float64, requires_grad=True)
    squared.requires_grad_()
    assert torch.autograd.gradcheck(lambda s, d: kind(d).rho(s + 1e-3), (squared, delta))
    assert torch.autograd.gradcheck(lambda s, d: kind(d).weight(s + 1e-3), (squared, delta))
    slope = torch.autograd.grad(kind(delta).rho(squared).sum(), squared)[0]
    assert_close(2 * slope, kind(delta).weight(squared))


def test_adaptive_gradient_and_degenerate_objects():
    x2d = torch.randn(5, 6, 2, dtype=torch.float64)
    w2d = torch.rand(5, 6, 2, dtype=torch.float64)
    x2d[1] = x2d[1, :1]
    x2d[2, 0] = torch.nan
    w2d[3, 0] = torch.inf
    w2d[4] = 0
    x2d.requires_grad_(), w2d.requires_grad_()
    delta = HuberCost.adaptive(x2d, w2d).delta
    assert delta[0] > 0 and not delta[1:].any()
    gradients = torch.autograd.grad(delta.sum(), (x2d, w2d))
    assert all(g.isfinite().all() for g in gradients)
    assert not gradients[0][1:].any()
    healthy = (x2d[:1].detach().requires_grad_(), w2d[:1].detach().requires_grad_())
    assert torch.autograd.gradcheck(lambda x, w: HuberCost.adaptive(x, w).delta, healthy)


@pytest.mark.parametrize("shape", [(2, 0, 2), (2, 1, 2), (0, 5, 2)])
def test_adaptive_on_too_few_points(shape):
    delta = HuberCost.adaptive(torch.rand(shape)).delta
    assert delta.shape == shape[:1] and not delta.any()


def test_wrong_shape_is_named():
    with pytest.raises(ValueError, match="delta"):
        HuberCost(torch.ones(2, 1))
