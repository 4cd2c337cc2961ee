import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import (
    CauchyCost,
    HuberCost,
    LMSolver,
    PerspectiveCamera,
    PnPProblem,
    gauss_newton_step,
)
from epropnp_det.pnp.pose import pose_type, rotate

CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.mark.parametrize("num_iter", [1, 5, 10])
def test_golden_trajectory(golden_dof, golden_problem, num_iter):
    _, golden = golden_dof
    result = LMSolver(num_iter, centre=False)(golden_problem(arrays=golden), golden["pose_init"])
    assert_close(result.pose, golden[f"lm{num_iter}_pose"], **CLOSE)
    assert_close(result.cost, golden[f"lm{num_iter}_cost"], **CLOSE)
    assert_close(result.covariance, golden[f"lm{num_iter}_cov"], **CLOSE)
    assert result.valid.all()


@pytest.mark.parametrize("num_iter", [1, 5, 10])
def test_golden_centred_trajectory(golden_dof, golden_problem, num_iter):
    _, golden = golden_dof
    problem = golden_problem(arrays=golden).detach()
    result = LMSolver(num_iter, centre=True)(problem, golden["pose_init"])
    assert_close(result.pose, golden[f"lm{num_iter}_centred_pose"], **CLOSE)
    assert_close(result.cost, golden[f"lm{num_iter}_centred_cost"], **CLOSE)
    # The reference covariance is that of the pose of the centred object.
    centred, frame = problem.in_own_unit()
    assert (frame.unit == 1).all()
    moved = frame.enter(golden["pose_init"])
    covariance = LMSolver(num_iter, centre=False)(centred, moved).covariance
    assert_close(covariance, golden[f"lm{num_iter}_centred_cov"], **CLOSE)


def test_golden_gauss_newton(golden_dof, golden_problem):
    dof, golden = golden_dof
    problem, pose = golden_problem(arrays=golden), golden["pose_init"]
    for _ in range(5):
        pose = gauss_newton_step(problem, pose)
    assert_close(pose, golden["gn5_pose"], rtol=1e-8, atol=1e-9)
    optimum = golden["lm10_pose"]
    plus = gauss_newton_step(problem, optimum)
    assert_close(plus, golden["pose_plus_at_lm10"], rtol=1e-8, atol=1e-9)
    stepped = pose_type(dof).retract(optimum, golden["gn_step_at_lm10"])
    assert_close(plus - optimum, stepped - optimum, rtol=1e-8, atol=1e-12)


def test_single_precision(golden_dof, golden_problem):
    _, golden = golden_dof
    problem = golden_problem(torch.float32, golden)
    result = LMSolver(10)(problem, golden["pose_init"].float())
    assert result.pose.dtype == torch.float32 and result.valid.all()
    assert_close(result.pose.double(), golden["lm10_centred_pose"], rtol=1e-3, atol=1e-3)
    assert_close(result.cost.double(), golden["lm10_cost"], rtol=1e-3, atol=1e-3)


def test_covariance_is_that_of_the_pose_that_is_returned(make_problem, dof):
    problem, pose = make_problem(dof=dof)
    problem = PnPProblem(
        problem.x3d + 5.0, problem.x2d, problem.w2d, problem.camera, problem.robust_cost
    )
    pose[:, :3] -= rotate(pose, pose.new_full((4, 1, 3), 5.0))[:, 0]
    result = LMSolver(20)(problem, pose)
    hessian = problem.normal_equations(result.pose).hessian
    product = result.covariance @ hessian
    assert_close(product, torch.eye(dof, dtype=pose.dtype).expand_as(product), rtol=0, atol=0.02)


def test_optimum_is_stationary_and_steps_are_counted(make_problem, dof):
    problem, pose = make_problem(dof=dof)
    start = pose_type(dof).retract(pose, torch.full((4, dof), 0.2, dtype=pose.dtype))
    result = LMSolver(30)(problem, start)
    assert (result.cost < problem.cost(start)).all()
    assert problem.normal_equations(result.pose).gradient.abs().max() < 1e-5
    assert (result.num_accepted > 0).all() and (result.num_accepted <= 30).all()
    assert_close(result.cost, problem.cost(result.pose))


def test_no_iteration_returns_the_start(make_problem, dof):
    problem, pose = make_problem(dof=dof)
    result = LMSolver(0, centre=False)(problem, pose)
    assert_close(result.pose, pose, rtol=1e-15, atol=0)
    assert not result.num_accepted.any()


def test_batch_equals_its_elements(make_problem, dof):
    problem, pose = make_problem(batch=3, dof=dof)
    whole = LMSolver()(problem, pose + 0.1)
    for b in range(3):
        alone = LMSolver()(problem[b], pose[b : b + 1] + 0.1)
        assert_close(alone.pose, whole.pose[b : b + 1])
        assert_close(alone.covariance, whole.covariance[b : b + 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("centre", [True, False])
def test_far_and_oblique_objects_are_valid(make_problem, dof, dtype, centre):
    problem, pose = make_problem(batch=16, num_points=64, dtype=dtype, depth=(60.0, 90.0), dof=dof)
    assert LMSolver(centre=centre)(problem, pose).valid.all()


@pytest.mark.parametrize("degenerate", [4, 6], indirect=True)
def test_degenerate_objects(degenerate):
    problem, pose, healthy = degenerate
    result = LMSolver()(problem, pose)
    assert torch.equal(result.valid[1:6], healthy[1:6]) and result.valid[11]
    assert not result.valid[[0, 6, 7, 8, 9, 10]].any()
    assert all(t.isfinite().all() for t in (result.pose, result.cost, result.covariance))
    # A neighbour changes nothing, to the bit.
    alone = LMSolver()(problem[torch.full((12,), 11)], pose)
    assert torch.equal(alone.pose[11], result.pose[11])


def test_starts_that_see_nothing_are_not_valid(make_problem, dof):
    problem, pose = make_problem(batch=3, dof=dof)
    pose[0, 2] = -50
    pose[1, 0] = torch.nan
    result = LMSolver()(problem, pose)
    assert result.valid.tolist() == [False, False, True]
    assert result.pose.isfinite().all()


@pytest.mark.parametrize(("batch", "num_points"), [(0, 5), (2, 0), (2, 1)])
def test_small_shapes(make_problem, dof, batch, num_points):
    problem, pose = make_problem(batch=batch, num_points=num_points, dof=dof)
    result = LMSolver()(problem, pose)
    assert result.covariance.shape == (batch, dof, dof)
    assert not result.valid.any() and result.pose.isfinite().all()


@pytest.mark.parametrize("kind", [HuberCost.adaptive, lambda x2d, w2d: CauchyCost(3.0)])
def test_gradcheck_of_plus_pose(make_problem, dof, kind):
    problem, pose = make_problem(batch=2, num_points=5, noise=8.0, dof=dof)

    def plus(x3d, x2d, w2d):
        moved = PnPProblem(x3d, x2d, w2d, problem.camera, kind(x2d, w2d))
        return gauss_newton_step(moved, pose)

    leaves = (problem.x3d, problem.x2d, problem.w2d)
    assert torch.autograd.gradcheck(plus, tuple(t.requires_grad_() for t in leaves))


def test_plus_pose_carries_the_derivative_of_the_optimum(make_problem, dof):
    """Against the implicit function theorem by finite differences of the solved optimum."""
    problem, pose = make_problem(batch=1, num_points=12, noise=0.0, dof=dof)
    solver = LMSolver(50)

    def moved(shift):
        x2d = problem.x2d.clone()
        x2d[0, 0, 0] += shift
        return PnPProblem(problem.x3d, x2d, problem.w2d, problem.camera, problem.robust_cost)

    numeric = (solver(moved(1e-3), pose).pose - solver(moved(-1e-3), pose).pose) / 2e-3
    shift = torch.zeros((), dtype=pose.dtype, requires_grad=True)
    plus = gauss_newton_step(moved(shift), solver(problem, pose).pose)
    for i in range(plus.shape[1]):
        (slope,) = torch.autograd.grad(plus[0, i], shift, retain_graph=True)
        assert_close(slope, numeric[0, i], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("degenerate", [4, 6], indirect=True)
def test_plus_pose_of_degenerate_objects(degenerate):
    problem, pose, healthy = degenerate
    plus = gauss_newton_step(problem, pose)
    assert plus.isfinite().all()
    leaves = (problem.x3d, problem.x2d, problem.w2d)
    for gradient in torch.autograd.grad(plus.square().sum(), leaves):
        assert gradient.isfinite().all()
        assert gradient[11].any()


def test_plus_pose_of_many_random_objects(dof):
    """Objects that mean nothing at all: among so many some are nearly singular."""
    batch = 288
    camera = PerspectiveCamera(torch.eye(3).repeat(batch, 1, 1) * 700)
    x3d, x2d = torch.randn(batch, 4, 3), 300 * torch.randn(batch, 4, 2)
    pose = torch.randn(batch, pose_type(dof).dim) * 10
    x3d.requires_grad_()
    plus = gauss_newton_step(PnPProblem(x3d, x2d, None, camera, HuberCost.adaptive(x2d)), pose)
    (gradient,) = torch.autograd.grad(plus.sum(), x3d)
    assert plus.isfinite().all() and gradient.isfinite().all()


def test_wrong_pose_is_named(make_problem, dof):
    problem, pose = make_problem(dof=dof)
    with pytest.raises(ValueError, match="pose_init must have shape"):
        LMSolver()(problem, pose[:1])
    with pytest.raises(ValueError, match="pose must have shape"):
        gauss_newton_step(problem, pose[:1])
