import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp.kernels import QuadraticModel
from epropnp_det.pnp.pose import pose_type
from epropnp_det.pnp.trust_region import RIDGE, State, judge, next_trial, solve, start


def random_model(dof, batch=5, dtype=torch.float64):
    factor = torch.randn(batch, dof, dof, dtype=dtype)
    hessian = factor @ factor.mT + 0.1 * torch.eye(dof, dtype=dtype)
    rows, columns = torch.tril_indices(dof, dof)
    lower = hessian[:, rows, columns].mT
    return QuadraticModel(
        torch.full((batch,), 10.0, dtype=dtype), torch.randn(dof, batch, dtype=dtype), lower
    )


def first_state(dof, model):
    pose = torch.zeros(len(model.cost), pose_type(dof).dim, dtype=model.cost.dtype)
    pose[:, pose_type(dof).nominal_ones] = 1
    state = without_rows(start(pose_type(dof), pose[None], 30.0))
    return judge(state, next_trial(pose_type(dof), state), model, 0.9)


def without_rows(state):
    return state.objects(torch.arange(state.pose.shape[1]))


def random_state(dof, **settings):
    return first_state(dof, random_model(dof, **settings))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cost", [0.0, 10.0, 1e20])
def test_the_start_is_accepted_and_is_no_step(dof, dtype, cost):
    model = random_model(dof, dtype=dtype)._replace(cost=torch.full((5,), cost, dtype=dtype))
    state = first_state(dof, model)
    assert all(torch.equal(*pair) for pair in zip(state.model, model, strict=True))
    assert_close(state.radius, torch.full_like(state.radius, 30.0))
    assert state.shrink.tolist() == [2.0] * 5
    assert not state.num_accepted.any()


@pytest.mark.parametrize("cost", [torch.inf, torch.nan])
def test_a_start_without_a_cost_leads_nowhere(dof, cost):
    model = random_model(dof)._replace(cost=torch.full((5,), cost).double())
    state = first_state(dof, model)
    trial = next_trial(pose_type(dof), state)
    assert torch.equal(trial.pose, state.pose)
    assert torch.equal(judge(state, trial, random_model(dof), 1e-3).pose, state.pose)
    assert trial.predicted.tolist() == [0.0] * 5 and state.num_accepted.tolist() == [-1] * 5


def test_the_start_takes_any_numbers_and_makes_poses_of_them(dof):
    kind = pose_type(dof)
    given = torch.zeros(3, kind.dim)
    given[:2] = torch.nan
    state = start(kind, given[None], 30.0)
    nominal = torch.zeros(3, kind.dim)
    nominal[:2, kind.nominal_ones] = 1
    nominal[2] = nominal[0] if dof == 6 else 0  # padding: no rotation, or no quaternion
    assert torch.equal(state.pose[0], nominal)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-9)])
def test_solve_agrees_with_linear_algebra(dof, dtype, tolerance):
    model = random_model(dof, dtype=dtype)
    damping = list(torch.rand(dof, 5, dtype=dtype))
    for added, diagonal in ((damping, torch.stack(damping).mT), (0.5, torch.full((5, dof), 0.5))):
        expected = torch.linalg.solve(model.matrix() + diagonal.diag_embed(), -model.gradient.mT)
        step = torch.stack(solve(model, added), dim=-1)
        assert_close(step, expected.to(dtype), rtol=tolerance, atol=tolerance)


def test_solve_of_a_singular_model_raises_nothing(dof):
    model = random_model(dof)
    broken = model._replace(hessian=model.hessian.clone())
    broken.hessian[:, 1], broken.hessian[:, 2] = 0, torch.nan
    step, expected = (torch.stack(solve(m, 0.0)) for m in (broken, model))
    assert not step[:, 1:3].isfinite().all()
    assert torch.equal(step[:, [0, 3, 4]], expected[:, [0, 3, 4]])


def test_trial_predicts_its_decrease(dof):
    state = random_state(dof)
    result = next_trial(pose_type(dof), state)
    hessian, gradient = state.model.matrix(), state.model.gradient.mT
    damping = hessian.diagonal(dim1=1, dim2=2) / 30.0 + RIDGE
    step = torch.linalg.solve(hessian + damping.diag_embed(), -gradient)
    slope = (gradient * step).sum(-1)
    curvature = (step[:, None] @ hessian @ step[..., None])[:, 0, 0]
    assert_close(result.predicted, -slope - 0.5 * curvature)
    assert_close(result.pose, pose_type(dof).retract(state.pose, step))


def test_good_step_is_accepted_and_widens_the_region(dof):
    state = random_state(dof)
    step = next_trial(pose_type(dof), state)
    after = judge(state, step, state.model._replace(cost=state.model.cost - step.predicted), 1e-3)
    assert torch.equal(after.pose, step.pose)
    assert_close(after.radius, 3 * state.radius)  # the largest growth, for a perfect prediction
    assert after.num_accepted.tolist() == [1] * 5


@pytest.mark.parametrize("cost", [10.0, 11.0, torch.inf, torch.nan])
def test_bad_steps_are_rejected_and_narrow_the_region_ever_faster(dof, cost):
    state = random_state(dof)
    model = random_model(dof)._replace(cost=torch.full_like(state.model.cost, cost))
    step = next_trial(pose_type(dof), state)
    once = judge(state, step, model, 1e-3)
    twice = judge(once, step, model, 1e-3)
    assert torch.equal(twice.pose, state.pose) and not twice.num_accepted.any()
    assert torch.equal(twice.model.cost, state.model.cost)
    assert torch.equal(twice.model.hessian, state.model.hessian)
    assert once.radius.tolist() == [15.0] * 5
    assert twice.radius.tolist() == [3.75] * 5


def test_step_that_is_not_finite_is_rejected(dof):
    state = random_state(dof)
    step = next_trial(pose_type(dof), state)
    for predicted in (torch.nan, torch.inf, -1.0, 0.0):
        wrong = step._replace(predicted=torch.full_like(step.predicted, predicted))
        after = judge(state, wrong, state.model._replace(cost=state.model.cost - 1), 1e-3)
        assert torch.equal(after.pose, state.pose)


def test_empty_batch(dof):
    state = random_state(dof, batch=0)
    after = judge(state, next_trial(pose_type(dof), state), state.model, 1e-3)
    assert after.pose.shape == state.pose.shape


def test_some_objects_are_taken_with_all_that_is_known_of_them(dof):
    state = random_state(dof, batch=6)
    rows = State(
        state.pose.unflatten(0, (3, 2)),
        QuadraticModel(*(part.unflatten(-1, (3, 2)) for part in state.model)),
        *(part.unflatten(0, (3, 2)) for part in state[2:]),
    )
    part = rows.objects(torch.tensor([3, 0]))
    for ours, all_of_them in zip(part.model, state.model, strict=True):
        assert torch.equal(ours, all_of_them[..., [3, 0]])
    for ours, all_of_them in zip((part.pose, *part[2:]), (state.pose, *state[2:]), strict=True):
        assert torch.equal(ours, all_of_them[[3, 0]])
