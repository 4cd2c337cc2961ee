import math

import pytest
import torch

from epropnp_det.models.losses import MixtureNLLLoss

# How the three losses use it: learned scale, delta, adaptive weight, components, coordinates.
USES = {
    "reprojection": (None, 2.0, True, 4, 2),
    "reprojection of v1": (None, None, False, 4, 2),
    "coordinates": (0.2, 2.0, True, 4, 3),
    "depth": (0.3, 0.3, True, 4, 1),
}


def numbers(num: int, components: int, dims: int, dtype=torch.float64):
    return (
        2 * torch.randn(num, components, dims, dtype=dtype),
        torch.randn(num, components, dtype=dtype),
        0.5 * torch.randn(num, components, dims, dtype=dtype),
    )


def slow_log_likelihood(diff, log_weight, log_scale, delta) -> float:
    """Of one element, component by component, coordinate by coordinate."""
    total = 0.0
    for d, a, s in zip(diff.tolist(), log_weight.tolist(), log_scale.tolist(), strict=True):
        r = math.sqrt(sum((x * math.exp(-y)) ** 2 for x, y in zip(d, s, strict=True)))
        h = r * r / 2 if delta is None or r <= delta else delta * r - delta**2 / 2
        total += math.exp(-h + a - sum(s))
    return math.log(total)


def slow_inv_std(log_weight, log_scale) -> float:
    """Of one element, by its mixture weights."""
    weights = [math.exp(a) for a in log_weight.tolist()]
    stds = [sum(math.exp(-y) for y in s) / len(s) for s in log_scale.tolist()]
    return sum(w * s for w, s in zip(weights, stds, strict=True)) / sum(weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("use", USES)
def test_agrees_with_loops_over_three_steps(use, dtype):
    sigma, delta, adaptive, components, dims = USES[use]
    loss = MixtureNLLLoss(sigma, delta, adaptive, loss_weight=1.5).to(dtype)
    norm = 1.0
    for num in (5, 1, 7):
        diff, log_weight, log_scale = numbers(num, components, dims, dtype)
        given = log_scale
        if sigma is not None:
            given, log_scale = None, torch.full_like(diff, math.log(sigma))
        rows = list(zip(log_weight, log_scale, strict=True))
        if adaptive:
            norm = 0.9 * norm + 0.1 * sum(slow_inv_std(*row) for row in rows) / num
        expected = -sum(
            slow_log_likelihood(d, *row, delta) for d, row in zip(diff, rows, strict=True)
        )
        result = loss(diff, log_weight, given)
        assert result.dtype == dtype
        assert result.item() == pytest.approx(1.5 * expected / num / norm, rel=1e-5)
        assert loss.mean_inv_std.item() == pytest.approx(norm, rel=1e-6)


@pytest.mark.parametrize("use", USES)
def test_gradient(use):
    sigma, delta, adaptive, components, dims = USES[use]
    loss = MixtureNLLLoss(sigma, delta, adaptive).double().eval()
    inputs = [x.requires_grad_() for x in numbers(3, components, dims)]
    if sigma is None:
        assert torch.autograd.gradcheck(lambda d, a, s: loss(d, a, s), inputs)
        return
    inputs[2] = loss.log_sigma.data.clone().requires_grad_()

    def learned(diff, log_weight, log_sigma):
        return torch.func.functional_call(loss, dict(log_sigma=log_sigma), (diff, log_weight))

    assert torch.autograd.gradcheck(learned, inputs)


def test_no_gradient_through_the_running_mean():
    diff, log_weight, log_scale = numbers(3, 2, 2)
    log_scale.requires_grad_()
    plain, adaptive = (MixtureNLLLoss(adaptive_weight=a).double() for a in (False, True))
    (expected,) = torch.autograd.grad(plain(diff, log_weight, log_scale), log_scale)
    (gradient,) = torch.autograd.grad(adaptive(diff, log_weight, log_scale), log_scale)
    assert adaptive.mean_inv_std != 1
    torch.testing.assert_close(gradient, expected / adaptive.mean_inv_std)


def test_running_mean_rests_outside_training():
    loss = MixtureNLLLoss(adaptive_weight=True).double().eval()
    loss(*numbers(3, 2, 2))
    assert loss.mean_inv_std.item() == 1


def test_a_merge_changes_the_log_likelihoods():
    loss, inputs = MixtureNLLLoss(delta=1.0).double(), numbers(4, 3, 2)
    plain = [-loss(*(x[i : i + 1] for x in inputs)) for i in range(4)]
    merged = loss(*inputs, merge=lambda x: 2 * x + 1)
    torch.testing.assert_close(merged, -(2 * torch.stack(plain) + 1).mean())


def test_batch_is_the_mean_of_its_elements():
    loss, inputs = MixtureNLLLoss(delta=1.0).double(), numbers(4, 3, 2)
    alone = [loss(*(x[i : i + 1] for x in inputs)) for i in range(4)]
    torch.testing.assert_close(loss(*inputs), torch.stack(alone).mean())


@pytest.mark.parametrize("use", USES)
def test_no_elements(use):
    sigma, delta, adaptive, components, dims = USES[use]
    loss = MixtureNLLLoss(sigma, delta, adaptive)
    diff, log_weight, log_scale = numbers(0, components, dims, torch.float32)
    diff.requires_grad_()
    result = loss(diff, log_weight, None if sigma else log_scale)
    result.backward()
    assert result.item() == 0
    assert loss.mean_inv_std.item() == 1
    if sigma:
        assert loss.log_sigma.grad.item() == 0


@pytest.mark.parametrize("delta", [None, 2.0])
def test_perfect_and_hopeless_differences_have_finite_gradients(delta):
    loss = MixtureNLLLoss(delta=delta, adaptive_weight=True)
    diff = torch.tensor([0.0, 1e4])[:, None, None].expand(2, 3, 2).clone().requires_grad_()
    log_scale = torch.tensor([-60.0, 0.0])[:, None, None].expand(2, 3, 2).clone().requires_grad_()
    result = loss(diff, torch.zeros(2, 3), log_scale)
    result.backward()
    assert result.isfinite()
    assert diff.grad.isfinite().all() and log_scale.grad.isfinite().all()


def test_inverse_scale_is_bounded():
    diff, log_weight, _ = numbers(1, 1, 2)
    bounded, extreme = (
        MixtureNLLLoss()(0 * diff, log_weight, diff.new_full((1, 1, 2), s))
        for s in (-math.log(1e4), -30.0)
    )
    assert extreme == bounded
