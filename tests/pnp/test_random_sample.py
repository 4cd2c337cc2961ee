import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import LMSolver, PnPProblem, RandomSampleSolver


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finds_the_pose_without_a_start(make_problem, dtype):
    problem, pose = make_problem(batch=100, noise=0.0, dtype=dtype, depth=(3.0, 60.0))
    result = RandomSampleSolver(refine=LMSolver(20))(problem)
    turn = result.pose[:, 3] - pose[:, 3]
    assert result.valid.all()
    assert (result.pose[:, :3] - pose[:, :3]).norm(dim=-1).max() < 1e-3
    assert (1 - turn.cos()).max() < 1e-6


def test_reaches_the_golden_optimum(golden, golden_problem):
    cost = RandomSampleSolver()(golden_problem()).cost
    assert (cost < golden["lm10_cost"] * (1 + 1e-3)).all()


def test_low_weights_keep_outliers_out(make_problem):
    problem, pose = make_problem(batch=20, num_points=40, noise=0.0)
    x2d, w2d = problem.x2d.clone(), problem.w2d.clone()
    x2d[:, :16] += 300 * torch.rand(20, 16, 2, dtype=x2d.dtype)
    w2d[:, :16] = 0
    result = RandomSampleSolver(refine=LMSolver(20))(
        PnPProblem(problem.x3d, x2d, w2d, problem.camera, problem.robust_cost)
    )
    assert_close(result.pose[:, :3], pose[:, :3], rtol=1e-4, atol=1e-4)


def test_subsets_have_no_point_twice(make_problem):
    problem, _ = make_problem(batch=3, num_points=20)
    subsets = RandomSampleSolver(num_proposals=5)._draw_subsets(problem, None)
    assert subsets.x3d.shape == (15, 16, 3)
    for subset in subsets.x3d:
        assert len(subset.unique(dim=0)) == 16


def test_extra_pose_competes(make_problem):
    problem, pose = make_problem(noise=0.0)
    solver = RandomSampleSolver(num_proposals=1, num_iter=0)
    best = solver.propose(problem, pose)
    assert torch.equal(best, pose)
    worse = pose + torch.tensor([0.0, 0, 1000, 0], dtype=pose.dtype)
    generators = (torch.Generator().manual_seed(1) for _ in range(2))
    assert torch.equal(
        solver.propose(problem, worse, next(generators)),
        solver.propose(problem, None, next(generators)),
    )


def test_same_seed_same_pose(make_problem):
    problem, _ = make_problem()
    one, same = (
        RandomSampleSolver(num_iter=1).propose(problem, generator=torch.Generator().manual_seed(s))
        for s in (5, 5)
    )
    other = RandomSampleSolver(num_iter=1).propose(
        problem, generator=torch.Generator().manual_seed(6)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_degenerate_objects(degenerate):
    problem, pose, healthy = degenerate
    result = RandomSampleSolver()(problem)
    assert torch.equal(result.valid, healthy)
    assert result.pose.isfinite().all() and result.cost.isfinite().all()
    broken = torch.full_like(pose, torch.nan)
    assert RandomSampleSolver()(problem, broken).pose.isfinite().all()


@pytest.mark.parametrize(("batch", "num_points"), [(0, 5), (2, 0), (2, 1), (2, 3)])
def test_small_shapes(make_problem, batch, num_points):
    problem, _ = make_problem(batch=batch, num_points=num_points)
    result = RandomSampleSolver()(problem)
    assert result.pose.shape == (batch, 4) and result.pose.isfinite().all()
    assert result.valid.tolist() == [num_points >= 2] * batch


def test_other_dof_are_refused():
    with pytest.raises(ValueError, match="dof must be 4"):
        RandomSampleSolver(dof=6)
