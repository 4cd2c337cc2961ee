import dataclasses

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import (
    CauchyCost,
    EProPnP,
    HuberCost,
    PnPProblem,
    Posterior,
    monte_carlo_pose_loss,
)


def test_value_by_hand():
    log_weights = torch.tensor([[0.0, -1.0], [1.0, -1.0]], dtype=torch.float64)
    cost_gt = torch.tensor([2.0, 3.0], dtype=torch.float64)
    valid = torch.tensor([True, False])
    rest = (torch.zeros(2, 4), torch.zeros(2, 4, 4), torch.zeros(2, 2, 4))
    loss = monte_carlo_pose_loss(Posterior(*rest, log_weights, cost_gt, valid))
    mean = torch.tensor([0.0, 1.0], dtype=torch.float64).exp().mean()
    assert_close(loss, torch.stack((2 + mean.log(), torch.zeros((), dtype=torch.float64))))


@pytest.mark.parametrize("kind", [HuberCost.adaptive, lambda x2d, w2d: CauchyCost(3.0)])
def test_gradient_is_that_of_the_costs_at_the_samples(make_problem, make_camera, dof, kind):
    """Numerically, with the samples of one call held fixed; the layer must give the same."""
    problem, pose = make_problem(batch=2, num_points=5, noise=4.0, dof=dof, make_camera=make_camera)
    leaves = tuple(t.requires_grad_() for t in (problem.x3d, problem.x2d, problem.w2d))

    def with_leaves(x3d, x2d, w2d):
        return PnPProblem(x3d, x2d, w2d, problem.camera, kind(x2d, w2d))

    layer = EProPnP(dof, mc_samples=8)
    drawn = layer(with_leaves(*leaves), pose, torch.Generator().manual_seed(0))
    with torch.no_grad():
        log_proposal = -drawn.log_weights - with_leaves(*leaves).cost(drawn.samples)

    def loss(*leaves):
        moved = with_leaves(*leaves)
        changes = {
            "log_weights": -moved.cost(drawn.samples) - log_proposal,
            "cost_gt": moved.cost(pose),
        }
        return monte_carlo_pose_loss(dataclasses.replace(drawn, **changes))

    assert torch.autograd.gradcheck(loss, leaves)
    ours = monte_carlo_pose_loss(drawn)
    assert_close(ours, loss(*leaves))
    for gradient, expected in zip(
        torch.autograd.grad(ours.sum(), leaves),
        torch.autograd.grad(loss(*leaves).sum(), leaves),
        strict=True,
    ):
        assert_close(gradient, expected)


def test_descent_sharpens_the_posterior_at_the_truth(make_problem, dof):
    """The loss trains: weights that start equal come to ignore the points that lie."""
    problem, pose = make_problem(batch=4, num_points=32, noise=0.5, dof=dof)
    x2d = problem.x2d.clone()
    x2d[:, :8] += 40 * torch.randn(4, 8, 2, dtype=x2d.dtype)
    log_w2d = torch.full_like(x2d, -1.5).requires_grad_()
    optimizer = torch.optim.Adam([log_w2d], lr=0.1)
    layer, losses = EProPnP(dof, mc_samples=64), []
    for _ in range(40):
        w2d = log_w2d.exp()
        robust = HuberCost.adaptive(x2d, w2d)
        loss = monte_carlo_pose_loss(
            layer(PnPProblem(problem.x3d, x2d, w2d, problem.camera, robust), pose)
        ).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1
    lying, honest = log_w2d.detach()[:, :8].mean(), log_w2d.detach()[:, 8:].mean()
    assert lying < honest - 1


def test_needs_ground_truth(make_problem):
    with pytest.raises(ValueError, match="pose_gt"):
        monte_carlo_pose_loss(EProPnP(mc_samples=4)(make_problem()[0]))
