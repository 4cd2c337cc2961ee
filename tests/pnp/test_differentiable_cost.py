import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import CauchyCost, HuberCost, PnPProblem
from epropnp_det.pnp.backend import EAGER
from epropnp_det.pnp.differentiable_cost import differentiable_cost
from epropnp_det.pnp.layout import OBJECT_ROWS
from epropnp_det.pnp.pose import pose_type

COSTS = {
    "huber": HuberCost,
    "adaptive": None,
    "cauchy": CauchyCost,
    "constant": lambda delta: HuberCost(2.0),
}


def problem_and_poses(make_problem, dof, kind=HuberCost, samples=3, **settings):
    problem, pose = make_problem(noise=6.0, dof=dof, **settings)
    leaves = [t.clone().requires_grad_() for t in (problem.x3d, problem.x2d, problem.w2d)]
    if kind is None:
        robust = HuberCost.adaptive(*leaves[1:])
    else:
        robust = kind(problem.robust_cost.delta.clone().requires_grad_())
    steps = 0.02 * torch.randn(samples, len(pose), dof, dtype=pose.dtype)
    poses = pose_type(dof).retract(pose.expand(samples, *pose.shape), steps)
    return PnPProblem(*leaves, problem.camera, robust), poses, leaves


def differentiable_cost_of(problem, poses, keep=None):
    keep = torch.ones(len(problem), dtype=torch.bool) if keep is None else keep
    with torch.no_grad():
        cost, rows = problem.cost(poses), problem.detach().pack(OBJECT_ROWS)
    return differentiable_cost(cost, problem, rows, torch.ones(len(problem)), poses, keep, EAGER)


@pytest.mark.parametrize("kind", COSTS.values(), ids=COSTS)
@pytest.mark.parametrize("bounded", [True, False])
def test_agrees_with_the_recorded_graph(make_problem, make_camera, dof, kind, bounded):
    problem, poses, leaves = problem_and_poses(
        make_problem, dof, kind, batch=3, num_points=6, bounded=bounded, make_camera=make_camera
    )
    ours, recorded = differentiable_cost_of(problem, poses), problem.cost(poses)
    assert_close(ours, recorded)
    if isinstance(problem.robust_cost.delta, torch.Tensor) and problem.robust_cost.delta.is_leaf:
        leaves.append(problem.robust_cost.delta)
    upstream = torch.randn_like(ours)
    gradients = (
        torch.autograd.grad(cost, leaves, upstream, retain_graph=True) for cost in (ours, recorded)
    )
    for gradient, expected in zip(*gradients, strict=True):
        assert_close(gradient, expected)


def test_gradcheck(make_problem, dof):
    problem, poses, _ = problem_and_poses(make_problem, dof, batch=2, num_points=4)

    def cost(x3d, x2d, w2d, delta):
        moved = PnPProblem(x3d, x2d, w2d, problem.camera, HuberCost(delta))
        return differentiable_cost_of(moved, poses)

    leaves = (problem.x3d, problem.x2d, problem.w2d, problem.robust_cost.delta)
    assert torch.autograd.gradcheck(cost, leaves)


def test_clamped_points_do_not_pull(make_problem, dof):
    """Outside the image, and behind the camera, where the derivative is zero by definition."""
    problem, poses, leaves = problem_and_poses(make_problem, dof, batch=3, num_points=6)
    poses[1, 1, 0] += 1000
    poses[2, :, 2] -= 1000
    x3d, *others = torch.autograd.grad(differentiable_cost_of(problem, poses).sum(), leaves)
    for gradient, expected in zip(
        others, torch.autograd.grad(problem.cost(poses).sum(), leaves[1:]), strict=True
    ):
        assert_close(gradient, expected)
    (expected,) = torch.autograd.grad(problem.cost(poses[:2]).sum(), leaves[0])
    assert_close(x3d, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("batch", "num_points", "samples"), [(0, 5, 3), (1, 1, 3), (2, 0, 3), (3, 5, 1)]
)
def test_small_shapes(make_problem, dof, dtype, batch, num_points, samples):
    problem, poses, leaves = problem_and_poses(
        make_problem, dof, samples=samples, batch=batch, num_points=num_points, dtype=dtype
    )
    cost = differentiable_cost_of(problem, poses)
    assert cost.shape == (samples, batch) and cost.dtype == dtype
    for leaf, gradient in zip(leaves, torch.autograd.grad(cost.sum(), leaves), strict=True):
        assert gradient.shape == leaf.shape and gradient.isfinite().all()


def test_objects_without_a_gradient(make_problem, dof):
    """Those that are not to be kept, or overflow in one number; the others keep theirs."""
    problem, poses, leaves = problem_and_poses(make_problem, dof, batch=3, num_points=5)
    leaves.append(problem.robust_cost.delta)
    cost = differentiable_cost_of(problem, poses, torch.tensor([False, True, True]))
    upstream = torch.ones_like(cost)
    expected = torch.autograd.grad(cost, leaves, upstream, retain_graph=True)
    upstream[0, 1] = torch.inf
    gradients = torch.autograd.grad(cost, leaves, upstream)
    for gradient, usual in zip(gradients, expected, strict=True):
        assert (gradient[:2] == 0).all() and (usual[0] == 0).all()
        assert torch.equal(gradient[2], usual[2])
    assert (expected[0][1] != 0).all()


def test_blocks_do_not_change_the_gradient(make_problem, dof):
    """Enough points and poses that the eager inner loops go block by block."""
    problem, poses, leaves = problem_and_poses(
        make_problem, dof, batch=5, num_points=300, samples=200
    )
    whole = torch.autograd.grad(differentiable_cost_of(problem, poses).sum(), leaves)
    for b in (0, 4):
        alone = differentiable_cost_of(problem[b], poses[:, b : b + 1])
        for gradient, expected in zip(torch.autograd.grad(alone.sum(), leaves), whole, strict=True):
            assert_close(gradient[b], expected[b])
