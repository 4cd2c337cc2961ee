import dataclasses

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import CauchyCost, EProPnP, PerspectiveCamera, PnPProblem, Posterior
from epropnp_det.pnp.tensor_batch import all_finite, keep_objects


def test_index_and_cat_are_inverse(make_problem, make_camera, dof):
    problem, pose = make_problem(batch=3, dof=dof, make_camera=make_camera)
    again = PnPProblem.cat([problem[0], problem[1:]])
    assert torch.equal(again.cost(pose), problem.cost(pose))
    assert_close(problem[-1].cost(pose[-1:]), problem.cost(pose)[-1:])
    assert len(problem[torch.tensor([True, False, True])]) == 2


def test_posterior_samples_are_indexed_by_object(make_problem, dof):
    problem, pose = make_problem(batch=3, dof=dof)
    posterior = EProPnP(dof, mc_samples=8)(problem, pose)
    assert posterior[1:].samples.shape == (8, 2, pose.shape[1])
    again = Posterior.cat([posterior[:1], posterior[1:]])
    assert torch.equal(again.log_evidence, posterior.log_evidence)


def test_to_changes_floats_and_keeps_flags(make_problem):
    problem, pose = make_problem(batch=2)
    posterior = EProPnP(mc_samples=8)(problem, pose).to(torch.float32)
    assert posterior.samples.dtype == torch.float32
    assert posterior.valid.dtype == torch.bool
    assert problem.to(torch.float32).robust_cost.delta.dtype == torch.float32


def test_values_are_frozen(make_problem):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_problem()[0].x3d = None


def test_cat_refuses_other_settings_and_nothing():
    one, other = (PerspectiveCamera(torch.eye(3)[None], z_min=z) for z in (0.1, 0.2))
    with pytest.raises(ValueError, match="z_min"):
        PerspectiveCamera.cat([one, other])
    with pytest.raises(ValueError, match="CauchyCost"):
        CauchyCost.cat([])


def test_masked_objects_become_harmless(make_problem):
    problem, pose = make_problem(batch=2)
    problem.x3d[0], problem.camera.cam_mats[0, 0, 0] = torch.nan, torch.inf
    safe = problem.masked(problem.usable())
    assert safe.usable().all() and safe.cost(pose).isfinite().all()
    assert torch.equal(safe.x3d[1], problem.x3d[1])
    assert torch.equal(safe.camera.cam_mats[1], problem.camera.cam_mats[1])


def test_detached_has_the_same_values_and_no_gradient(make_problem):
    problem, pose = make_problem(batch=2)
    problem.x3d.requires_grad_()
    detached = problem.detach()
    assert problem.cost(pose).requires_grad and not detached.cost(pose).requires_grad
    assert torch.equal(detached.cost(pose), problem.cost(pose))


def test_keep_objects_replaces_values_and_blocks_overflowing_gradients():
    tensor = torch.tensor([[1.0, 2], [3, torch.nan], [1e-30, 4]], requires_grad=True)
    kept = keep_objects(tensor, torch.tensor([True, False, True]))
    assert kept.tolist()[1] == [0, 0]
    gradient = torch.tensor([[1.0, 2], [3, 4], [torch.inf, 6]])
    (gradient,) = torch.autograd.grad(kept, tensor, gradient)
    assert gradient.tolist() == [[1, 2], [0, 0], [0, 0]]


def test_integer_index_keeps_the_batch_dimension(make_problem):
    np = pytest.importorskip("numpy")
    problem, _ = make_problem(batch=3)
    for index in (1, -1, np.int64(1)):
        assert torch.equal(problem[index].x3d, problem.x3d[int(index)][None])
    with pytest.raises(IndexError):
        problem[len(problem)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_finite_is_isfinite(dtype):
    numbers = torch.full((5, 3), torch.finfo(dtype).max, dtype=dtype)
    numbers[1, 0], numbers[2, 2], numbers[3, 1] = torch.inf, -torch.inf, torch.nan
    assert all_finite(numbers).tolist() == [True, False, False, False, True]
    assert all_finite(numbers, 0).tolist() == [False, False, False]
    assert all_finite(numbers[:, :0]).tolist() == [True] * 5
    assert all_finite(numbers[:0]).tolist() == []
