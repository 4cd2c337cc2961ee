import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import EProPnP, HuberCost, PnPProblem, Posterior, monte_carlo_pose_loss


def test_value_by_hand():
    log_weights = torch.tensor([[0.0, -1.0], [1.0, -1.0]], dtype=torch.float64)
    cost_gt = torch.tensor([2.0, 3.0], dtype=torch.float64)
    valid = torch.tensor([True, False])
    rest = (torch.zeros(2, 4), torch.zeros(2, 4, 4), torch.zeros(2, 2, 4))
    loss = monte_carlo_pose_loss(Posterior(*rest, log_weights, cost_gt, valid))
    mean = torch.tensor([0.0, 1.0], dtype=torch.float64).exp().mean()
    assert_close(loss, torch.stack((2 + mean.log(), torch.zeros((), dtype=torch.float64))))


def test_gradcheck_at_fixed_samples(make_problem):
    problem, pose = make_problem(batch=2, num_points=5, noise=4.0)
    fixed = EProPnP(mc_samples=8)(problem, pose)
    log_proposal = -fixed.log_weights - problem.cost(fixed.samples)

    def loss(x3d, x2d, w2d):
        robust = HuberCost.adaptive(x2d, w2d)
        moved = PnPProblem(x3d, x2d, w2d, problem.camera, robust)
        log_weights = -moved.cost(fixed.samples) - log_proposal
        rest = (fixed.mode, fixed.covariance, fixed.samples)
        return monte_carlo_pose_loss(Posterior(*rest, log_weights, moved.cost(pose), fixed.valid))

    leaves = (problem.x3d, problem.x2d, problem.w2d)
    assert torch.autograd.gradcheck(loss, tuple(t.requires_grad_() for t in leaves))


def test_descent_sharpens_the_posterior_at_the_truth(make_problem):
    """The loss trains: weights that start equal come to ignore the points that lie."""
    problem, pose = make_problem(batch=4, num_points=32, noise=0.5)
    x2d = problem.x2d.clone()
    x2d[:, :8] += 40 * torch.randn(4, 8, 2, dtype=x2d.dtype)
    log_w2d = torch.full_like(x2d, -1.5).requires_grad_()
    optimizer = torch.optim.Adam([log_w2d], lr=0.1)
    layer, losses = EProPnP(mc_samples=64), []
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
