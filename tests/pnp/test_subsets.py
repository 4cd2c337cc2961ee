import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import PnPProblem, kernels, newer_torch
from epropnp_det.pnp.layout import OBJECT_ROWS
from epropnp_det.pnp.pose import pose_type
from epropnp_det.pnp.subsets import SubsetNoise, draw_points, gather, guess, inclusion, least, take

WEIGHTS = torch.tensor([[1.0] * 10, [100.0, 30, *[1.0] * 8], [0.0] * 5 + [1.0] * 5]).double()


def all_points(weight, num_subsets, num_points):
    """Indices (B, n, S) of the points of all subsets."""
    subsets = draw_points(weight, SubsetNoise.draw(num_points, num_subsets, dtype=weight.dtype))
    return subsets.chosen(torch.arange(num_subsets).expand(len(weight), -1))


def test_inclusion_by_hand():
    expected = [[0.4] * 10, [1, 1, *[0.25] * 8], [0] * 5 + [0.8] * 5]
    assert_close(inclusion(WEIGHTS, 4), torch.tensor(expected, dtype=torch.float64))


def test_inclusion_does_not_lose_light_points_beside_heavy_ones():
    """Their sum must not be what is left of a large number after a subtraction."""
    weight = torch.tensor([[1e9, *[1.0] * 10]])
    assert_close(inclusion(weight, 3), torch.tensor([[1.0, *[0.2] * 10]]))


def test_points_are_drawn_as_often_as_they_should_be():
    """The running sum is cut evenly, so that no count is further off than one."""
    points = all_points(WEIGHTS, 200, 4)
    assert points.shape == (3, 4, 200)
    weights = WEIGHTS + 1e-3 * WEIGHTS.mean(-1, keepdim=True)  # a little for all
    for b, chances in enumerate(inclusion(weights, 4)):
        counts = points[b].flatten().bincount(minlength=10)
        assert (counts - 200 * chances).abs().max() < 1 + 1e-6


def test_neighbours_in_a_subset_are_drawn_independently():
    """Each interval is shuffled on its own: two halves go together a quarter of the time."""
    (points,) = all_points(torch.ones(1, 4, dtype=torch.float64), 4000, 2)
    both = ((points[0] == 0) & (points[1] == 2)).double().mean()
    assert abs(both - 0.25) < 0.03


def test_no_subset_has_a_heavy_point_often():
    points = all_points(WEIGHTS, 50, 4)
    assert (points == 0).sum(1).max() <= 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.0, 1e-38, 1e30, torch.nan])
def test_indices_are_in_range_for_any_weight(dtype, value):
    weight = torch.full((2, 30), value, dtype=dtype)
    weight[1] = torch.linspace(0, 1, 30)
    points = all_points(weight, 8, 16)
    assert points.min() >= 0 and points.max() <= 29
    assert len(points[1].unique()) > 16


@pytest.mark.parametrize(("count", "step"), [(4, 1), (3, 1), (2, 2), (1, 4), (9, 1)])
def test_some_of_the_points_and_of_the_subsets(count, step):
    subsets = draw_points(WEIGHTS, SubsetNoise.draw(4, 6, dtype=WEIGHTS.dtype))
    points = subsets.chosen(torch.arange(6).expand(3, -1))
    assert torch.equal(subsets.spread(count), points[:, ::step])
    index = torch.tensor([[0, 5], [3, 3], [4, 1]])
    chosen = subsets.chosen(index)
    for b in range(3):
        assert torch.equal(chosen[b], points[b][:, index[b]])


def test_few_points_are_all_taken():
    points = all_points(torch.ones(2, 3), 5, 16)
    assert torch.equal(points, torch.arange(3)[:, None].expand(2, 3, 5))
    assert all_points(torch.ones(2, 0), 5, 16).shape == (2, 0, 5)
    assert all_points(torch.ones(0, 30), 5, 16).shape == (0, 16, 5)


def test_gather_is_indexing(make_problem, make_camera, dof):
    """And what belongs to an object meets all of its subsets."""
    problem, pose = make_problem(batch=3, num_points=10, dof=dof, make_camera=make_camera)
    points = all_points(problem.w2d.mean(-1), 5, 4)
    subsets = gather(problem.pack(OBJECT_ROWS), points)
    transform = kernels.pack_transform(pose[:, None].expand(-1, 5, -1))
    cost = kernels.cost(pose_type(dof), subsets, transform)
    for b in range(3):
        for s in range(5):
            chosen = points[b, :, s]
            assert torch.equal(subsets.x3d[:, b, :, s].mT, problem.x3d[b, chosen])
            numbers = (
                tensor[b : b + 1, chosen] for tensor in (problem.x3d, problem.x2d, problem.w2d)
            )
            part = PnPProblem(*numbers, problem.camera[b], problem.robust_cost[b])
            assert_close(cost[b, s], part.cost(pose[b : b + 1])[0])


def test_guesses_that_fit_best_are_kept(make_problem, dof):
    problem, _ = make_problem(batch=3, num_points=20, dof=dof)
    points = all_points(problem.w2d.mean(-1), 9, 4)
    few, uniform = gather(problem.pack(OBJECT_ROWS), points), torch.rand(dof - 3, 9)
    index, poses = guess(pose_type(dof), few, uniform.double(), 9)
    assert index.shape == (3, 9) and poses.shape == (3, 9, pose_type(dof).dim)
    for count in (1, 5):
        kept, best = guess(pose_type(dof), few, uniform.double(), count)
        assert torch.equal(kept, index[:, :count]) and torch.equal(best, poses[:, :count])
    lanes = index[:, None].expand(-1, points.shape[1], -1)
    sorted_few = gather(problem.pack(OBJECT_ROWS), points.gather(2, lanes))
    cost = kernels.cost(pose_type(dof), sorted_few, kernels.pack_transform(poses))
    assert (cost.diff(dim=1) >= 0).all()


@pytest.mark.parametrize("compiling", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_least_costs_in_ascending_order(compiling, dtype, monkeypatch):
    """By a sort, and by ranks as a compiler likes them: ties share out, and NaN comes last."""
    monkeypatch.setattr(newer_torch, "is_compiling", lambda: compiling)
    cost = torch.randn(50, 9, dtype=dtype).round(decimals=1)
    cost[0, 2:5] = torch.nan
    cost[1, 3] = torch.inf
    cost[2] = torch.nan
    index = least(cost, 4)
    assert torch.equal(cost.gather(1, index)[3:], cost.sort(dim=1).values[3:, :4])
    assert torch.equal(cost[0, least(cost, 9)[0]].isnan(), torch.arange(9) > 5)
    assert torch.equal(least(cost, 20).sort(dim=1).values, torch.arange(9).expand(50, 9))
    for b in range(3, 50):
        assert torch.equal(cost[b, least(cost[b : b + 1], 4)[0]], cost[b, index[b]])
    assert least(cost[:0], 4).shape == (0, 4) and least(cost[:, :1], 4).tolist() == [[0]] * 50
    many = torch.randn(3, 300, dtype=dtype)
    assert torch.equal(many.gather(1, least(many, 5)), many.sort(dim=1).values[:, :5])
    poses = torch.randn(50, 9, 7)
    assert torch.equal(take(poses, index)[7, 3], poses[7, index[7, 3]])
