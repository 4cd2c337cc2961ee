import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import CauchyCost, HuberCost, PerspectiveCamera, PnPProblem
from epropnp_det.pnp.pose import pose_type, rotation_matrix

EXACT = {"rtol": 1e-8, "atol": 1e-9}


def replaced(problem, **changes):
    names = ("x3d", "x2d", "w2d", "camera", "robust_cost")
    return PnPProblem(**({name: getattr(problem, name) for name in names} | changes))


@pytest.mark.parametrize("at", ["gt", "init"])
def test_golden_values(golden_dof, golden_problem, at):
    _, golden = golden_dof
    problem, pose = golden_problem(arrays=golden), golden[f"pose_{at}"]
    residual, jacobian = problem.linearize(pose)
    assert_close(problem.cost(pose), golden[f"cost_{at}"], **EXACT)
    assert_close(residual, golden[f"residual_{at}"], **EXACT)
    assert_close(jacobian, golden[f"jacobian_{at}"], **EXACT)


def test_golden_cost_gradient(golden_dof, golden_problem):
    _, golden = golden_dof
    problem = golden_problem(arrays=golden)
    leaves = (problem.x3d, problem.x2d, problem.w2d)
    gradients = torch.autograd.grad(problem.cost(golden["pose_gt"]).sum(), leaves)
    for name, gradient in zip(("x3d", "x2d", "w2d"), gradients, strict=True):
        assert_close(gradient, golden[f"grad_cost_gt_{name}"], **EXACT)


def test_single_precision(golden_dof, golden_problem):
    _, golden = golden_dof
    problem = golden_problem(torch.float32, golden)
    residual, jacobian = problem.linearize(golden["pose_init"].float())
    cost = problem.cost(golden["pose_init"].float())
    leaves = (problem.x3d, problem.x2d, problem.w2d)
    gradients = torch.autograd.grad(problem.cost(golden["pose_gt"].float()).sum(), leaves)
    names = ("cost_init", "residual_init", "jacobian_init")
    names += tuple(f"grad_cost_gt_{name}" for name in ("x3d", "x2d", "w2d"))
    for name, ours in zip(names, (cost, residual, jacobian, *gradients), strict=True):
        assert ours.dtype == torch.float32
        error = (ours - golden[name]).abs().max() / golden[name].abs().max()
        assert error < 1e-3, name


def test_cost_by_hand(make_problem):
    np = pytest.importorskip("numpy")
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


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("kind", [HuberCost, CauchyCost])
def test_linearisation_agrees_with_autograd(make_problem, make_camera, dof, kind, bounded):
    problem, pose = make_problem(
        batch=2, num_points=5, noise=8.0, dof=dof, bounded=bounded, make_camera=make_camera
    )
    problem = replaced(problem, robust_cost=kind(problem.robust_cost.delta))
    # One point far to the right, outside the image where that has a border.
    problem.x3d[0, 0] = 1.5 * pose[0, 2] * rotation_matrix(pose)[0, 0]
    residual, jacobian = problem.linearize(pose)
    squared = problem.residuals(pose).square().sum(-1)
    scale = problem.robust_cost.weight(squared.mT).mT.sqrt().repeat_interleave(2, dim=1)
    assert_close(residual, problem.residuals(pose).flatten(1) * scale)

    def moved(step):
        return pose_type(dof).retract(pose, step)

    step = torch.zeros(2, dof, dtype=pose.dtype, requires_grad=True)
    dense = torch.autograd.functional.jacobian(
        lambda step: problem.residuals(moved(step)).flatten(1), step
    )
    for b in range(2):
        assert_close(jacobian[b], dense[b, :, b] * scale[b, :, None])
    (slope,) = torch.autograd.grad(problem.cost(moved(step)).sum(), step)
    model = problem.normal_equations(pose)
    assert_close(model.gradient, slope)
    assert_close(model.gradient, (residual[:, None] @ jacobian)[:, 0])
    assert_close(model.hessian, jacobian.mT @ jacobian)
    assert_close(model.cost, problem.cost(pose))


@pytest.mark.parametrize("kind", [HuberCost.adaptive, lambda x2d, w2d: CauchyCost(3.0)])
def test_gradcheck_of_cost(make_problem, make_camera, dof, kind):
    problem, pose = make_problem(batch=2, num_points=4, noise=8.0, dof=dof, make_camera=make_camera)

    def cost(x3d, x2d, w2d, pose):
        return PnPProblem(x3d, x2d, w2d, problem.camera, kind(x2d, w2d)).cost(pose)

    leaves = (problem.x3d, problem.x2d, problem.w2d, pose)
    assert torch.autograd.gradcheck(cost, tuple(t.requires_grad_() for t in leaves))


def test_gradient_is_finite_where_the_residual_is_zero(make_problem, dof):
    problem, pose = make_problem(noise=0.0, dof=dof)
    x3d = problem.x3d.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(replaced(problem, x3d=x3d).cost(pose).sum(), x3d)
    assert gradient.isfinite().all()


def test_samples_broadcast_and_objects_are_independent(make_problem, dof):
    problem, pose = make_problem(batch=3, dof=dof)
    samples = pose + 0.1 * torch.randn(2, 5, *pose.shape, dtype=pose.dtype)
    costs = problem.cost(samples)
    assert costs.shape == (2, 5, 3)
    whole = problem.linearize(pose), problem.normal_equations(pose)
    for b in range(3):
        alone, its_pose = problem[b], pose[b : b + 1]
        assert_close(alone.cost(samples[:, :, b : b + 1])[..., 0], costs[..., b])
        ours = alone.linearize(its_pose), alone.normal_equations(its_pose)
        for group, expected in zip(ours, whole, strict=True):
            for one, every in zip(group, expected, strict=True):
                assert_close(one[0], every[b])


@pytest.mark.parametrize(("batch", "num_points"), [(0, 5), (2, 0), (1, 1)])
def test_small_shapes(make_problem, dof, batch, num_points):
    problem, pose = make_problem(batch=batch, num_points=num_points, dof=dof)
    residual, jacobian = problem.linearize(pose)
    model = problem.normal_equations(pose)
    assert problem.cost(pose).shape == model.cost.shape == (batch,)
    assert residual.shape == (batch, 2 * num_points)
    assert jacobian.shape == (batch, 2 * num_points, dof)
    assert model.gradient.shape == (batch, dof) and model.hessian.shape == (batch, dof, dof)


def test_weights_default_to_one(make_problem):
    problem, pose = make_problem()
    stated = replaced(problem, w2d=torch.ones_like(problem.x2d))
    assert torch.equal(replaced(problem, w2d=None).cost(pose), stated.cost(pose))


@pytest.mark.parametrize("factor", [1, 1000])
@pytest.mark.parametrize("centre", [True, False])
def test_problem_in_its_own_unit_has_the_same_cost(make_problem, dof, centre, factor):
    problem, pose = make_problem(dof=dof)
    problem = replaced(problem, x3d=factor * (problem.x3d + 5))
    pose = torch.cat((factor * pose[:, :3], pose[:, 3:]), dim=1)
    own, frame = problem.in_own_unit(centre)
    assert (frame.unit == 1).all() == (factor == 1)
    if centre:
        assert_close(own.x3d.mean(1), torch.zeros_like(frame.origin))
    assert_close(own.cost(frame.enter(pose)), problem.cost(pose))


def test_unusable_objects_can_be_masked(degenerate):
    problem, pose, _ = degenerate
    assert problem.usable().nonzero().flatten().tolist() == [5, 6, 8, 10, 11]
    safe = problem.masked(problem.usable())
    assert safe.usable().all()
    assert torch.equal(safe.x3d[11], problem.x3d[11])
    assert safe.cost(pose)[:8].isfinite().all()


def test_autocast_does_not_touch_the_normal_equations(make_problem, dof):
    problem, pose = make_problem(dtype=torch.float32, dof=dof)
    expected = problem.normal_equations(pose).hessian
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hessian = problem.normal_equations(pose).hessian
    assert hessian.dtype == torch.float32 and torch.equal(hessian, expected)


def test_wrong_arguments_are_named(make_problem):
    good, pose = make_problem(batch=2, num_points=5)
    meta = PerspectiveCamera(good.camera.cam_mats.to("meta"))
    wrong = [
        ("x3d must have shape", {"x3d": good.x3d[0]}),
        ("x2d must have shape", {"x2d": good.x2d[:, :4]}),
        ("w2d must have shape", {"w2d": good.w2d[..., :1]}),
        ("cam_mats must have shape", {"camera": good.camera[:1]}),
        ("delta must have shape", {"robust_cost": good.robust_cost[:1]}),
        ("w2d has dtype torch.float32", {"w2d": good.w2d.float()}),
        ("x2d has device meta", {"x2d": good.x2d.to("meta")}),
        ("cam_mats has device meta", {"camera": meta}),
        ("delta has device meta", {"robust_cost": good.robust_cost.to("meta")}),
        ("needs float32 or float64", {"x3d": good.x3d.half()}),
        ("needs float32 or float64", {"x3d": good.x3d.bfloat16()}),
        ("cam_mats has dtype", {"camera": PerspectiveCamera(good.camera.cam_mats.float())}),
    ]
    for message, change in wrong:
        with pytest.raises(ValueError, match=message):
            replaced(good, **change)
    for wrong_pose in (pose[:1], pose[:, :3]):
        for method in (good.cost, good.linearize, good.normal_equations):
            with pytest.raises(ValueError, match="pose must have shape"):
                method(wrong_pose)
