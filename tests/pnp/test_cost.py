import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import CauchyCost, HuberCost

DTYPES = [torch.float32, torch.float64]


def test_golden_delta(golden_dof):
    _, golden = golden_dof
    delta = HuberCost.adaptive(golden["x2d"], golden["w2d"]).delta
    assert_close(delta, golden["huber_delta"], rtol=1e-12, atol=0)
    single = HuberCost.adaptive(golden["x2d"].float(), golden["w2d"].float()).delta
    assert single.dtype == torch.float32
    assert_close(single.double(), golden["huber_delta"], rtol=1e-3, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_huber_values_by_hand(dtype):
    cost = HuberCost(torch.tensor([2.0], dtype=dtype))
    squared = torch.tensor([[0.0], [1.0], [4.0], [25.0]], dtype=dtype)
    assert_close(cost.rho(squared), torch.tensor([[0.0], [0.5], [2.0], [8.0]], dtype=dtype))
    assert_close(cost.weight(squared), torch.tensor([[1.0], [1.0], [1.0], [0.4]], dtype=dtype))
    expected = torch.tensor([[0.0], [0.0], [0.0], [3.0]], dtype=dtype)
    assert_close(cost.delta_gradient(squared), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cauchy_values_by_hand(dtype):
    cost = CauchyCost(2.0)
    squared = torch.tensor([0.0, 4.0], dtype=dtype)
    assert_close(cost.rho(squared), torch.tensor([0, 2 * math.log(2)], dtype=dtype))
    assert_close(cost.weight(squared), torch.tensor([1, 0.5], dtype=dtype))
    expected = torch.tensor([0, 2 * math.log(2) - 1], dtype=dtype)
    assert_close(cost.delta_gradient(squared), expected)


@pytest.mark.parametrize("kind", [HuberCost, CauchyCost])
def test_derivatives(kind):
    squared = torch.tensor([[0.0, 0.3, 3.0], [0.5, 9.0, 100.0]], dtype=torch.float64).mT
    delta = torch.tensor([0.7, 2.0], dtype=torch.float64, requires_grad=True)
    squared = squared.contiguous().requires_grad_()
    assert torch.autograd.gradcheck(lambda s, d: kind(d).rho(s + 1e-3), (squared, delta))
    assert torch.autograd.gradcheck(lambda s, d: kind(d).weight(s + 1e-3), (squared, delta))
    rho = kind(delta).rho(squared).sum()
    by_square, by_delta = torch.autograd.grad(rho, (squared, delta))
    assert_close(2 * by_square, kind(delta).weight(squared))
    assert_close(by_delta, kind(delta).delta_gradient(squared).sum(0))


def test_adaptive_gradient_and_degenerate_objects():
    x2d = torch.randn(5, 6, 2, dtype=torch.float64)
    w2d = torch.rand(5, 6, 2, dtype=torch.float64)
    x2d[1] = x2d[1, :1]
    x2d[2, 0] = torch.nan
    w2d[3, 0] = torch.inf
    w2d[4] = 0
    x2d.requires_grad_(), w2d.requires_grad_()
    robust = HuberCost.adaptive(x2d, w2d)
    assert robust.delta[0] > 0 and not robust.delta[1:].any()
    assert robust.usable().tolist() == [True, False, False, False, False]
    gradients = torch.autograd.grad(robust.delta.sum(), (x2d, w2d))
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
