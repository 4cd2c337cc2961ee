import math

import pytest
import torch

from epropnp_det.models.losses import MonteCarloPoseLoss
from epropnp_det.pnp import Posterior


def posterior(log_weights, cost_gt, valid=None) -> Posterior:
    num, dtype = log_weights.shape[1], log_weights.dtype
    return Posterior(
        mode=torch.zeros(num, 4, dtype=dtype),
        covariance=torch.eye(4, dtype=dtype).repeat(num, 1, 1),
        samples=torch.zeros(len(log_weights), num, 4, dtype=dtype),
        log_weights=log_weights,
        cost_gt=cost_gt,
        valid=torch.ones(num, dtype=torch.bool) if valid is None else torch.tensor(valid),
    )


def numbers(num: int = 3, dtype=torch.float64):
    torch.manual_seed(num)
    return (
        torch.randn(5, num, dtype=dtype),
        torch.rand(num, dtype=dtype),
        1 + torch.rand(num, 2, dtype=dtype),
        torch.rand(num, dtype=dtype),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_loops_over_three_steps(dtype):
    loss = MonteCarloPoseLoss(loss_weight=0.5, momentum=0.1).to(dtype)
    norm = 1.0
    for step in range(3):
        log_weights, cost_gt, scale, weight = numbers(step + 2, dtype)
        num = step + 2
        batch_scale = sum(
            weight[i].item() * scale[i, axis].item() for i in range(num) for axis in range(2)
        ) / (2 * num)
        norm = 0.9 * norm + 0.1 * batch_scale
        expected = 0.0
        for i in range(num):
            evidence = math.log(sum(math.exp(w) for w in log_weights[:, i].tolist()) / 5)
            expected += weight[i].item() * (cost_gt[i].item() + evidence) / num
        result = loss(posterior(log_weights, cost_gt), scale, weight)
        assert result.dtype == dtype
        assert result.item() == pytest.approx(0.5 * expected / norm, rel=1e-5)
        assert loss.norm_factor.item() == pytest.approx(norm, rel=1e-6)


def test_running_mean_rests_outside_training_and_is_saved():
    loss = MonteCarloPoseLoss(momentum=0.5).double()
    log_weights, cost_gt, scale, weight = numbers()
    loss(posterior(log_weights, cost_gt), scale, weight)
    moved = loss.norm_factor.item()
    assert moved != 1
    loss.eval()
    loss(posterior(log_weights, cost_gt), scale, weight)
    assert loss.norm_factor.item() == moved
    assert loss.state_dict()["norm_factor"].item() == moved


def test_gradient():
    loss = MonteCarloPoseLoss().double().eval()
    log_weights, cost_gt, scale, weight = numbers()
    inputs = log_weights.requires_grad_(), cost_gt.requires_grad_()
    assert torch.autograd.gradcheck(lambda w, c: loss(posterior(w, c), scale, weight), inputs)


def test_scale_gets_no_gradient_through_the_running_mean():
    loss = MonteCarloPoseLoss().double()
    log_weights, cost_gt, scale, weight = numbers()
    scale.requires_grad_()
    cost_gt.requires_grad_()
    loss(posterior(log_weights, cost_gt), scale, weight).backward()
    assert scale.grad is None
    assert cost_gt.grad.abs().min() > 0


def test_no_objects():
    loss = MonteCarloPoseLoss()
    log_weights, cost_gt, scale, weight = numbers(0, torch.float32)
    cost_gt.requires_grad_()
    result = loss(posterior(log_weights, cost_gt), scale, weight)
    result.backward()
    assert result.item() == 0
    assert loss.norm_factor.item() == 1


def test_batch_is_the_mean_of_its_objects():
    loss = MonteCarloPoseLoss().double().eval()
    log_weights, cost_gt, scale, weight = numbers(4)
    together = loss(posterior(log_weights, cost_gt), scale, weight)
    alone = [
        loss(
            posterior(log_weights[:, i : i + 1], cost_gt[i : i + 1]),
            scale[i : i + 1],
            weight[i : i + 1],
        )
        for i in range(4)
    ]
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_invalid_object_has_no_loss_and_no_gradient():
    loss = MonteCarloPoseLoss().double().eval()
    log_weights, cost_gt, scale, weight = numbers()
    cost_gt[1] = 1e30
    cost_gt.requires_grad_()
    result = loss(posterior(log_weights, cost_gt, [True, False, True]), scale, weight)
    result.backward()
    assert result < 1e3
    assert cost_gt.grad[1] == 0
    assert (cost_gt.grad[[0, 2]] > 0).all()


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_overflowed_scale_of_an_invalid_object_does_not_stay_in_the_running_mean(value):
    loss = MonteCarloPoseLoss().double()
    log_weights, cost_gt, scale, weight = numbers()
    scale[1] = value
    loss(posterior(log_weights, cost_gt, [True, False, True]), scale, weight)
    assert loss.norm_factor.isfinite()
