import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import HuberCost, LMSolver, PnPProblem, RandomSampleSolver
from epropnp_det.pnp.pose import pose_type, rotate


def largest_offset(problem, pose, other):
    """Largest distance in metres between the points of objects at two poses."""
    places = (rotate(p, problem.x3d) + p[:, None, :3] for p in (pose, other))
    return (next(places) - next(places)).norm(dim=-1).amax(-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finds_the_pose_without_a_start(make_problem, dof, dtype):
    problem, pose = make_problem(batch=60, noise=0.0, dtype=dtype, depth=(3.0, 60.0), dof=dof)
    result = RandomSampleSolver(dof, refine=LMSolver(20))(problem)
    assert result.valid.all() and result.pose.dtype == dtype
    assert largest_offset(problem, result.pose, pose).max() < 3e-3


def test_works_for_every_camera(make_problem, make_camera, dof):
    problem, pose = make_problem(batch=8, noise=0.0, dof=dof, make_camera=make_camera)
    result = RandomSampleSolver(dof, refine=LMSolver(20))(problem)
    assert largest_offset(problem, result.pose, pose).max() < 1e-3


def test_reaches_the_golden_optimum(golden_dof, golden_problem):
    dof, golden = golden_dof
    cost = RandomSampleSolver(dof)(golden_problem(arrays=golden)).cost
    assert (cost < golden["lm10_cost"] * (1 + 1e-3)).all()


def test_low_weights_keep_outliers_out(make_problem, dof):
    problem, pose = make_problem(batch=20, num_points=40, noise=0.0, dof=dof)
    x2d, w2d = problem.x2d.clone(), problem.w2d.clone()
    x2d[:, :16] += 300 * torch.rand(20, 16, 2, dtype=x2d.dtype)
    w2d[:, :16] = 0
    lying = PnPProblem(problem.x3d, x2d, w2d, problem.camera, problem.robust_cost)
    result = RandomSampleSolver(dof, refine=LMSolver(20))(lying)
    assert largest_offset(problem, result.pose, pose).max() < 1e-3


def test_one_heavy_point_does_not_fill_the_subsets(make_problem):
    """Drawn again and again it would leave no other points to find the pose from."""
    problem, pose = make_problem(batch=8, num_points=40, noise=0.0)
    w2d = problem.w2d.clone()
    w2d[:, 0] *= 1e4
    robust = HuberCost(torch.ones(8, dtype=w2d.dtype))
    heavy = PnPProblem(problem.x3d, problem.x2d, w2d, problem.camera, robust)
    found = RandomSampleSolver(num_solved=64, num_iter=100, refine=LMSolver(0))(heavy).pose
    assert largest_offset(problem, found, pose).max() < 0.1


def test_elimination_keeps_the_best(make_problem, dof):
    """Where a third of the points lie, so that many a start leads astray."""
    problem, _ = make_problem(batch=30, num_points=60, noise=0.0, dof=dof)
    x2d = problem.x2d.clone()
    x2d[:, :18] += 200 * torch.rand(30, 18, 2, dtype=x2d.dtype)
    lying = PnPProblem(problem.x3d, x2d, None, problem.camera, HuberCost(1.0))
    whole = RandomSampleSolver(dof, num_proposals=256, num_solved=256, refine=LMSolver(20))
    best = whole(lying).cost
    search = RandomSampleSolver(dof, refine=LMSolver(6))
    assert (search(lying).cost < 1.01 * best).double().mean() > 0.9
    single = RandomSampleSolver(dof, num_proposals=1, num_finalists=1, refine=LMSolver(6))
    assert (single(lying).cost < 1.01 * best).double().mean() < 0.9


def test_extra_pose_competes(make_problem, dof):
    problem, pose = make_problem(noise=0.0, dof=dof)
    solver = RandomSampleSolver(
        dof, num_proposals=1, num_iter=0, num_finalists=1, refine=LMSolver(0)
    )
    assert_close(solver(problem, pose).pose, pose, rtol=1e-12, atol=1e-12)
    worse = pose.clone()
    worse[:, 2] += 1000
    generators = (torch.Generator().manual_seed(1) for _ in range(2))
    assert torch.equal(
        solver(problem, worse, next(generators)).pose,
        solver(problem, None, next(generators)).pose,
    )


def test_result_does_not_depend_on_the_batch(make_problem, dof):
    problem, _ = make_problem(batch=5, num_points=30, dof=dof)
    solve = RandomSampleSolver(dof)
    together = solve(problem, generator=torch.Generator().manual_seed(3))
    for b in range(5):
        alone = solve(problem[b], generator=torch.Generator().manual_seed(3))
        assert_close(alone.pose[0], together.pose[b])


def test_same_seed_same_pose(make_problem, dof):
    problem, _ = make_problem(dof=dof)
    solver = RandomSampleSolver(dof, num_iter=1, refine=LMSolver(0))
    one, same, other = (
        solver(problem, generator=torch.Generator().manual_seed(seed)).pose for seed in (5, 5, 6)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize("degenerate", [4, 6], indirect=True)
def test_degenerate_objects(degenerate):
    problem, pose, healthy = degenerate
    solver = RandomSampleSolver({4: 4, 7: 6}[pose.shape[1]])
    result = solver(problem)
    assert torch.equal(result.valid, healthy)
    assert result.pose.isfinite().all() and result.cost.isfinite().all()
    broken = torch.full_like(pose, torch.nan)
    assert solver(problem, broken).pose.isfinite().all()


@pytest.mark.parametrize(("batch", "num_points"), [(0, 5), (2, 0), (2, 1), (1, 3), (1, 20)])
def test_small_shapes(make_problem, dof, batch, num_points):
    problem, _ = make_problem(batch=batch, num_points=num_points, dof=dof)
    result = RandomSampleSolver(dof)(problem)
    assert result.pose.shape == (batch, pose_type(dof).dim) and result.pose.isfinite().all()
    assert result.valid.tolist() == [2 * num_points >= dof] * batch


def test_wrong_arguments_are_named(make_problem, dof):
    problem, pose = make_problem(dof=dof)
    with pytest.raises(ValueError, match="dof must be 4"):
        RandomSampleSolver(dof=5)
    with pytest.raises(ValueError, match="num_points must be positive"):
        RandomSampleSolver(num_points=0)
    with pytest.raises(ValueError, match="pose_extra must have shape"):
        RandomSampleSolver(dof)(problem, pose[:1])
    with pytest.raises(ValueError, match="pose_extra must have shape"):
        RandomSampleSolver(10 - dof)(problem, pose)
