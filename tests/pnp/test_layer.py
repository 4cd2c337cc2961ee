import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import EProPnP, LMSolver, RandomSampleSolver, monte_carlo_pose_loss
from epropnp_det.pnp.pose import rotate


@pytest.fixture(params=["joint_t", "amis"])
def sampler(request):
    return request.param


def test_shapes_and_meaning(make_problem, dof, sampler):
    problem, pose = make_problem(batch=3, dof=dof)
    layer = EProPnP(dof, mc_samples=64, sampler=sampler)
    posterior = layer(problem, pose)
    assert posterior.mode.shape == pose.shape and posterior.covariance.shape == (3, dof, dof)
    assert posterior.samples.shape == (64, *pose.shape)
    assert posterior.log_weights.shape == (64, 3)
    assert posterior.log_evidence.shape == posterior.effective_sample_size.shape == (3,)
    assert posterior.valid.all()
    assert_close(posterior.cost_gt, problem.cost(pose))
    assert (problem.cost(posterior.mode) <= posterior.cost_gt).all()
    assert layer(problem).cost_gt is None


def test_mode_is_where_the_solver_ends(make_problem, dof):
    problem, _ = make_problem(dof=dof)
    layer = EProPnP(dof, solver=RandomSampleSolver(dof, refine=LMSolver(30)))
    solved = layer.solver(problem, generator=torch.Generator().manual_seed(2))
    posterior = layer(problem, generator=torch.Generator().manual_seed(2))
    assert_close(posterior.mode, solved.pose, rtol=1e-6, atol=1e-6)
    assert_close(posterior.covariance, solved.covariance, rtol=1e-4, atol=1e-6)


def test_same_seed_same_samples(make_problem, dof, sampler):
    problem, pose = make_problem(dof=dof)
    layer = EProPnP(dof, mc_samples=16, sampler=sampler)
    one, same, other = (
        layer(problem, pose, torch.Generator().manual_seed(seed)).samples for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_mode_is_what_the_solver_finds_alone(make_problem, dof):
    """To the last bit: otherwise a wish for the posterior could change a detection."""
    problem, _ = make_problem(batch=6, dof=dof)
    layer = EProPnP(dof, mc_samples=8)
    posterior, result = (
        f(problem, generator=torch.Generator().manual_seed(1)) for f in (layer, layer.solver)
    )
    assert torch.equal(posterior.mode, result.pose)
    assert torch.equal(posterior.covariance, result.covariance)


def test_gradient_flows_through_the_costs_alone(make_problem, dof, sampler):
    problem, pose = make_problem(dof=dof)
    for tensor in (problem.x3d, problem.x2d, problem.w2d):
        tensor.requires_grad_()
    posterior = EProPnP(dof, mc_samples=16, sampler=sampler)(problem, pose)
    assert posterior.log_weights.requires_grad and posterior.cost_gt.requires_grad
    for tensor in (posterior.mode, posterior.covariance, posterior.samples):
        assert not tensor.requires_grad
    # The proposal's density carries none: log_weights move with the cost only.
    cost = problem.cost(posterior.samples)
    for tensor in (problem.x3d, problem.x2d, problem.w2d):
        ours, direct = (
            torch.autograd.grad(value.sum(), tensor, retain_graph=True)[0]
            for value in (posterior.log_weights, -cost)
        )
        assert_close(ours, direct)


@pytest.mark.parametrize("degenerate", [4, 6], indirect=True)
def test_degenerate_objects_leave_their_neighbours_alone(degenerate, sampler):
    problem, pose, healthy = degenerate
    leaves = (problem.x3d, problem.x2d, problem.w2d)
    layer = EProPnP({4: 4, 7: 6}[pose.shape[1]], mc_samples=16, sampler=sampler)
    posterior = layer(problem, pose, torch.Generator().manual_seed(0))
    assert torch.equal(posterior.valid, healthy)
    for tensor in (posterior.mode, posterior.covariance, posterior.samples, posterior.log_weights):
        assert tensor.isfinite().all()
    loss = monte_carlo_pose_loss(posterior)
    assert not loss[:11].any() and loss[11] != 0
    gradients = torch.autograd.grad(loss.sum(), leaves)
    for gradient in gradients:
        assert not gradient[:11].any() and gradient[11].any() and gradient.isfinite().all()

    same = problem[torch.full((12,), 11)]
    again = layer(same, pose, torch.Generator().manual_seed(0))
    assert torch.equal(again.samples[:, 11], posterior.samples[:, 11])
    assert torch.equal(again.log_weights[:, 11], posterior.log_weights[:, 11])


def test_ground_truth_that_is_unknown_or_behind_the_camera(make_problem, dof):
    problem, pose = make_problem(batch=3, dof=dof)
    problem.x3d.requires_grad_()
    pose[0] = torch.nan
    pose[1, 2] = -10
    posterior = EProPnP(dof, mc_samples=16)(problem, pose)
    assert posterior.valid.tolist() == [False, True, True]
    loss = monte_carlo_pose_loss(posterior)
    (gradient,) = torch.autograd.grad(loss.sum(), problem.x3d)
    assert loss.isfinite().all() and gradient.isfinite().all()
    assert loss[0] == 0 and not gradient[0].any()


@pytest.mark.parametrize(("batch", "num_points"), [(0, 5), (2, 0), (2, 1), (1, 2), (1, 20)])
def test_small_shapes(make_problem, dof, sampler, batch, num_points):
    problem, pose = make_problem(batch=batch, num_points=num_points, dof=dof)
    problem.w2d.requires_grad_()
    posterior = EProPnP(dof, mc_samples=8, sampler=sampler)(problem, pose)
    loss = monte_carlo_pose_loss(posterior)
    loss.sum().backward()
    assert loss.shape == (batch,) and loss.isfinite().all()
    assert problem.w2d.grad.isfinite().all()
    assert posterior.valid.tolist() == [2 * num_points >= dof] * batch


def test_single_precision_and_autocast(make_problem, dof):
    problem, pose = make_problem(batch=8, num_points=64, dof=dof)
    single = problem.to(torch.float32)
    layer = EProPnP(dof, mc_samples=32)
    plain = layer(single, pose, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = layer(problem=single, pose_gt=pose, generator=torch.Generator().manual_seed(0))
    expected = layer(problem, pose)
    # Yaws may differ by turns, and quaternions in their sign.
    corners = (rotate(p.mode.double(), problem.x3d) for p in (plain, expected))
    assert_close(next(corners), next(corners), rtol=1e-3, atol=1e-3)
    assert_close(plain.mode[:, :3].double(), expected.mode[:, :3], rtol=1e-3, atol=1e-3)
    assert_close(plain.cost_gt.double(), expected.cost_gt, rtol=1e-3, atol=1e-3)
    assert cast.log_weights.dtype == torch.float32
    assert torch.equal(cast.log_weights, plain.log_weights)


def test_number_of_samples_can_be_set_for_a_call(make_problem):
    problem, pose = make_problem()
    assert EProPnP(mc_samples=8)(problem, pose, mc_samples=12).samples.shape[0] == 12


def test_parts_can_be_replaced(make_problem):
    problem, pose = make_problem()
    layer = EProPnP(mc_samples=8, solver=RandomSampleSolver(num_proposals=2, refine=LMSolver(0)))
    assert (problem.cost(layer(problem, pose).mode) <= problem.cost(pose) + 1e-6).all()


def test_wrong_arguments_are_named(make_problem):
    problem, pose = make_problem()
    with pytest.raises(ValueError, match="dof must be 4"):
        EProPnP(dof=5)
    with pytest.raises(ValueError, match="sampler must be one of joint_t, amis"):
        EProPnP(sampler="sobol")
    with pytest.raises(ValueError, match="multiple of num_iter"):
        EProPnP(mc_samples=10, num_iter=4)
    with pytest.raises(ValueError, match="multiple of num_iter"):
        EProPnP()(problem, pose, mc_samples=0)
    with pytest.raises(ValueError, match="pose_gt must have shape"):
        EProPnP()(problem, pose[:1])
    with pytest.raises(ValueError, match="pose_gt must have shape"):
        EProPnP(dof=6)(problem, pose)
