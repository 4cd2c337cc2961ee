import numpy as np
import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import CauchyCost, HuberCost, PerspectiveCamera, PnPProblem

EXACT = {"rtol": 1e-8, "atol": 1e-9}


@pytest.mark.parametrize("at", ["gt", "init"])
def test_golden_values(golden, golden_problem, at):
    problem, pose = golden_problem(), golden[f"pose_{at}"]
    residual, jacobian = problem.linearize(pose)
    assert_close(problem.cost(pose), golden[f"cost_{at}"], **EXACT)
    assert_close(residual, golden[f"residual_{at}"], **EXACT)
    assert_close(jacobian, golden[f"jacobian_{at}"], **EXACT)


def test_golden_cost_gradient(golden, golden_problem):
    problem = golden_problem()
    leaves = (problem.x3d, problem.x2d, problem.w2d)
    gradients = torch.autograd.grad(problem.cost(golden["pose_gt"]).sum(), leaves)
    for name, gradient in zip(("x3d", "x2d", "w2d"), gradients, strict=True):
        assert_close(gradient, golden[f"grad_cost_gt_{name}"], **EXACT)


def test_single_precision(golden, golden_problem):
    problem, pose = golden_problem(torch.float32), golden["pose_gt"].float()
    cost = problem.cost(pose)
    assert cost.dtype == torch.float32
    assert_close(cost.double(), golden["cost_gt"], rtol=1e-3, atol=0)
    scale = golden["jacobian_gt"].abs().max()
    error = (problem.linearize(pose)[1] - golden["jacobian_gt"]).abs().max()
    assert error < 1e-3 * scale


def test_cost_by_hand(make_problem):
    problem, pose = make_problem(batch=2, num_points=3, noise=20.0)
    expected = np.zeros(2)
    x3d, x2d, w2d = (t.numpy() for t in (problem.x3d, problem.x2d, problem.w2d))
    for b in range(2):
        x, y, z, yaw = pose[b].numpy()
        c, s = np.cos(yaw), np.sin(yaw)
        rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        delta = 0.5 * w2d[b].mean() * np.sqrt(x2d[b].var(axis=0, ddof=1).sum())
        for n in range(3):
            p = problem.camera.cam_mats[b].numpy() @ (rotation @ x3d[b, n] + [x, y, z])
            error = np.linalg.norm(w2d[b, n] * (p[:2] / p[2] - x2d[b, n]))
            inside = error <= delta
            expected[b] += error**2 / 2 if inside else delta * error - delta**2 / 2
    assert_close(problem.cost(pose), torch.from_numpy(expected))


@pytest.mark.parametrize("kind", [HuberCost, CauchyCost])
def test_jacobian_agrees_with_autograd(make_problem, kind):
    problem, pose = make_problem(batch=2, num_points=5, noise=8.0)
    problem = PnPProblem(
        problem.x3d, problem.x2d, problem.w2d, problem.camera, kind(problem.robust_cost.delta)
    )
    residual, jacobian = problem.linearize(pose)
    squared = problem.residuals(pose).square().sum(-1)
    scale = problem.robust_cost.weight(squared).sqrt().repeat_interleave(2, dim=1)
    dense = torch.autograd.functional.jacobian(lambda p: problem.residuals(p).flatten(1), pose)
    for b in range(2):
        assert_close(jacobian[b], dense[b, :, b] * scale[b, :, None])
    leaf = pose.clone().requires_grad_()
    (slope,) = torch.autograd.grad(problem.cost(leaf).sum(), leaf)
    assert_close((residual[:, None] @ jacobian)[:, 0], slope)
    model = problem.normal_equations(pose)
    assert_close(model.gradient, slope)
    assert_close(model.hessian, jacobian.mT @ jacobian)
    assert_close(model.cost, problem.cost(pose))


def test_gradcheck_of_cost(make_problem):
    problem, pose = make_problem(batch=2, num_points=4, noise=8.0)

    def cost(x3d, x2d, w2d, pose):
        robust = HuberCost.adaptive(x2d, w2d)
        return PnPProblem(x3d, x2d, w2d, problem.camera, robust).cost(pose)

    leaves = (problem.x3d, problem.x2d, problem.w2d, pose)
    assert torch.autograd.gradcheck(cost, tuple(t.requires_grad_() for t in leaves))


def test_gradient_is_finite_where_the_residual_is_zero(make_problem):
    problem, pose = make_problem(noise=0.0)
    x3d = problem.x3d.clone().requires_grad_()
    exact = PnPProblem(x3d, problem.x2d, problem.w2d, problem.camera, problem.robust_cost)
    (gradient,) = torch.autograd.grad(exact.cost(pose).sum(), x3d)
    assert gradient.isfinite().all()


def test_samples_broadcast_and_objects_are_independent(make_problem):
    problem, pose = make_problem(batch=3)
    samples = pose + 0.1 * torch.randn(2, 5, 3, 4, dtype=pose.dtype)
    costs = problem.cost(samples)
    assert costs.shape == (2, 5, 3)
    for b in range(3):
        alone = problem[b]
        assert_close(alone.cost(samples[:, :, b : b + 1])[..., 0], costs[..., b])
        assert_close(alone.linearize(pose[b : b + 1])[1][0], problem.linearize(pose)[1][b])


@pytest.mark.parametrize(("batch", "num_points"), [(0, 5), (2, 0), (1, 1)])
def test_small_shapes(make_problem, batch, num_points):
    problem, pose = make_problem(batch=batch, num_points=num_points)
    residual, jacobian = problem.linearize(pose)
    assert problem.cost(pose).shape == (batch,)
    assert residual.shape == (batch, 2 * num_points)
    assert jacobian.shape == (batch, 2 * num_points, 4)


def test_weights_default_to_one(make_problem):
    problem, pose = make_problem()
    parts = (problem.camera, problem.robust_cost)
    implied = PnPProblem(problem.x3d, problem.x2d, None, *parts)
    stated = PnPProblem(problem.x3d, problem.x2d, torch.ones_like(problem.x2d), *parts)
    assert torch.equal(implied.cost(pose), stated.cost(pose))


def test_autocast_does_not_touch_the_normal_equations(make_problem):
    problem, pose = make_problem(dtype=torch.float32)
    expected = problem.normal_equations(pose).hessian
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hessian = problem.normal_equations(pose).hessian
    assert hessian.dtype == torch.float32 and torch.equal(hessian, expected)


def test_wrong_arguments_are_named(make_problem):
    good, pose = make_problem(batch=2, num_points=5)
    arguments = {
        "x3d": good.x3d,
        "x2d": good.x2d,
        "w2d": good.w2d,
        "camera": good.camera,
        "robust_cost": good.robust_cost,
    }
    wrong = [
        ("x3d must have shape", {"x3d": good.x3d[0]}),
        ("x2d must have shape", {"x2d": good.x2d[:, :4]}),
        ("w2d must have shape", {"w2d": good.w2d[..., :1]}),
        ("cam_mats must have shape", {"camera": good.camera[:1]}),
        ("delta must have shape", {"robust_cost": good.robust_cost[:1]}),
        ("w2d has dtype torch.float32", {"w2d": good.w2d.float()}),
        ("x2d has device meta", {"x2d": good.x2d.to("meta")}),
        ("needs float32 or float64", {"x3d": good.x3d.half()}),
        ("needs float32 or float64", {"x3d": good.x3d.bfloat16()}),
        ("cam_mats has dtype", {"camera": PerspectiveCamera(good.camera.cam_mats.float())}),
    ]
    for message, change in wrong:
        with pytest.raises(ValueError, match=message):
            PnPProblem(**(arguments | change))
    with pytest.raises(ValueError, match="pose must have shape"):
        good.linearize(pose[:1])
