"""Whether lengths are in metres or millimetres, and images in pixels or bearings, is no matter."""

import dataclasses
import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import (
    EProPnP,
    LMSolver,
    PerspectiveCamera,
    PnPProblem,
    RandomSampleSolver,
    gauss_newton_step,
)
from epropnp_det.pnp.local_frame import SIZES, LocalFrame, length_unit

UNITS = {"mm": 1000.0, "inches": 1 / 0.0254, "km": 1e-3, "light years": 1e-16}
units = pytest.mark.parametrize("factor", UNITS.values(), ids=UNITS)


def in_lengths(problem, factor):
    """The same objects with lengths in another unit, of which the present one has ``factor``."""
    return dataclasses.replace(problem, x3d=problem.x3d * factor)


def moved(pose, factor):
    return torch.cat((pose[..., :3] * factor, pose[..., 3:]), dim=-1)


def scaled(covariance, factor):
    scale = covariance.new_ones(covariance.shape[-1])
    scale[:3] = factor
    return covariance * scale * scale[:, None]


def in_bearings(problem):
    """The same objects with images in normalised coordinates, and weights by them."""
    cam_mats, focal = problem.camera.cam_mats, problem.camera.cam_mats[:, [0, 1], [0, 1]]
    centre = cam_mats[:, :2, 2]
    bounds = (problem.camera.bounds - centre.repeat(1, 2)) / focal.repeat(1, 2)
    camera = PerspectiveCamera(torch.eye(3).to(cam_mats).expand_as(cam_mats), bounds)
    x2d = (problem.x2d - centre[:, None]) / focal[:, None]
    return PnPProblem(problem.x3d, x2d, problem.w2d * focal[:, None], camera, problem.robust_cost)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def objects(make_problem, dof):
    """Twenty objects, of single points' worth of noise, in double precision."""
    return make_problem(batch=20, num_points=12, noise=1.0, dof=dof)


@units
def test_solver(objects, dof, factor):
    problem, _ = objects
    expected = RandomSampleSolver(dof)(problem, generator=torch.Generator().manual_seed(0))
    found = RandomSampleSolver(dof)(
        in_lengths(problem, factor), generator=torch.Generator().manual_seed(0)
    )
    assert expected.valid.all() and found.valid.all()
    assert_close(found.pose, moved(expected.pose, factor), rtol=1e-4, atol=1e-4 * min(factor, 1))
    assert_close(found.cost, expected.cost, rtol=1e-6, atol=1e-6)
    deviation = torch.diagonal(expected.covariance, dim1=-2, dim2=-1).sqrt()
    relative = (found.covariance - scaled(expected.covariance, factor)).abs()
    unit = torch.ones_like(deviation)
    unit[:, :3] = factor
    deviation = deviation * unit
    assert (relative <= 1e-4 * deviation[:, :, None] * deviation[:, None]).all()


@units
@pytest.mark.parametrize("centre", [True, False])
def test_refinement_and_its_derivative(objects, factor, centre):
    problem, pose = objects
    other = in_lengths(problem, factor)
    expected = LMSolver(5, centre=centre)(problem, pose)
    found = LMSolver(5, centre=centre)(other, moved(pose, factor))
    assert found.valid.all()
    tolerance = dict(rtol=1e-5, atol=1e-5 * min(factor, 1))
    assert_close(found.pose, moved(expected.pose, factor), **tolerance)
    plus = gauss_newton_step(other, moved(pose, factor))
    assert_close(plus, moved(gauss_newton_step(problem, pose), factor), **tolerance)


@units
@pytest.mark.parametrize("sampler", ["joint_t", "amis"])
def test_posterior(objects, dof, factor, sampler):
    """Samples too, and all but the measure of the weights: only the ridge knows of the unit."""
    problem, pose = objects
    layer = EProPnP(dof, sampler=sampler)
    expected, found = (
        layer(in_lengths(problem, f), moved(pose, f), torch.Generator().manual_seed(0))
        for f in (1.0, factor)
    )
    assert found.valid.all()
    assert_close(found.cost_gt, expected.cost_gt)
    volume = 3 * math.log(factor)
    assert_close(found.log_evidence - volume, expected.log_evidence, rtol=0, atol=1e-4)
    loss = expected.cost_gt + expected.log_evidence
    assert_close(found.cost_gt + found.log_evidence - volume, loss, rtol=0, atol=1e-4)
    ratio = found.effective_sample_size / expected.effective_sample_size
    assert_close(ratio, torch.ones_like(ratio), rtol=0, atol=1e-3)
    offset = found.samples[..., :3] / factor - expected.samples[..., :3]
    spread = expected.samples[..., :3].std(0)
    assert (offset.abs() <= 1e-3 * spread).all()


@units
def test_gradient(make_problem, dof, factor):
    """By points it is by their unit, by pixels and weights the same."""
    problem, pose = make_problem(batch=5, dof=dof)
    gradients = []
    for f in (1.0, factor):
        leaves = [
            (problem.x3d * f).requires_grad_(),
            problem.x2d.clone().requires_grad_(),
            problem.w2d.clone().requires_grad_(),
        ]
        same = PnPProblem(*leaves, problem.camera, problem.robust_cost)
        posterior = EProPnP(dof)(same, moved(pose, f), torch.Generator().manual_seed(0))
        loss = (posterior.cost_gt + posterior.log_evidence).sum()
        loss = loss + moved(gauss_newton_step(same, posterior.mode), 1 / f).square().sum()
        by_points, *others = torch.autograd.grad(loss, leaves)
        gradients.append([by_points * f, *others])
    for found, expected in zip(gradients[1], gradients[0], strict=True):
        assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("dof", [4, 6])
def test_bearings_in_place_of_pixels(objects, dof):
    problem, pose = objects
    layer = EProPnP(dof)
    expected, found = (
        layer(each, pose, torch.Generator().manual_seed(0))
        for each in (problem, in_bearings(problem))
    )
    assert found.valid.all()
    assert_close(found.mode, expected.mode, rtol=1e-6, atol=1e-6)
    assert_close(found.covariance, expected.covariance, rtol=1e-4, atol=1e-8)
    loss = expected.cost_gt + expected.log_evidence
    assert_close(found.cost_gt + found.log_evidence, loss, rtol=0, atol=1e-4)


def test_single_precision(make_problem, dof):
    problem, _ = make_problem(batch=20, num_points=12, dof=dof, dtype=torch.float32)
    expected = RandomSampleSolver(dof)(problem, generator=torch.Generator().manual_seed(0))
    for factor in (1e-3, 1000.0):
        found = RandomSampleSolver(dof)(
            in_lengths(problem, factor), generator=torch.Generator().manual_seed(0)
        )
        assert found.valid.all() and found.pose.dtype == torch.float32
        assert_close(found.cost, expected.cost, rtol=1e-3, atol=1e-3)
        assert_close(found.pose[:, :3] / factor, expected.pose[:, :3], rtol=3e-3, atol=3e-3)


def test_objects_of_different_units_side_by_side(objects, dof):
    """What an object gets does not depend on the unit of its neighbours."""
    problem, _ = objects
    factors = torch.tensor([1, 1000, 1e-3, 40.0]).repeat(5).double()[:, None, None]
    mixed = dataclasses.replace(problem, x3d=problem.x3d * factors)
    result = RandomSampleSolver(dof)(mixed, generator=torch.Generator().manual_seed(0))
    usual = RandomSampleSolver(dof)(problem, generator=torch.Generator().manual_seed(0))
    assert result.valid.all()
    assert torch.equal(result.pose[::4], usual.pose[::4])
    assert torch.equal(result.covariance[::4], usual.covariance[::4])
    assert_close(result.cost, usual.cost)


def test_given_least_depth_is_in_the_problem_s_unit(make_problem, dof):
    problem, pose = make_problem(batch=3, dof=dof)
    behind = pose.clone()
    behind[:, 2] = -1
    costs = []
    for factor in (1.0, 1000.0):
        for z_min in (0.1 * factor, torch.full((3,), 0.1 * factor, dtype=torch.float64)):
            camera = dataclasses.replace(problem.camera, z_min=z_min)
            other = dataclasses.replace(in_lengths(problem, factor), camera=camera)
            own, frame = other.in_own_unit()
            costs += [
                other.cost(moved(behind, factor)),
                own.cost(frame.enter(moved(behind, factor))),
            ]
    # And of cars in metres it is the default.
    for cost in costs:
        assert_close(cost, problem.cost(behind))


@pytest.mark.parametrize("size", [0.0, 1e-300, 0.05, 1.0, 7.9, 1e300, math.inf, math.nan])
def test_units_of_sizes_that_have_none(size):
    unit = length_unit(torch.tensor([size**2 if size < 1e150 else math.inf]).double())
    assert unit.item() == 1


@pytest.mark.parametrize("exponent", [-100, -6, 4, 10, 100])
def test_units_are_the_powers_of_two_below(exponent, dtype):
    if dtype == torch.float32 and abs(exponent) > 60:
        pytest.skip("beyond the range of float32")
    for factor in (1.0, 1.5, 1.9):
        size = torch.tensor([factor * 2.0**exponent], dtype=dtype)
        assert length_unit(size.square()).item() == 2.0**exponent
    assert all(length_unit(torch.tensor([edge**2])).item() == 1 for edge in SIZES)


def test_frames_are_left_as_they_were_entered(dof):
    torch.manual_seed(0)
    frame = LocalFrame(torch.randn(3, 3).double(), torch.tensor([1, 2.0**-10, 1024]).double())
    pose = torch.randn(5, 3, 4 if dof == 4 else 7, dtype=torch.float64)
    pose[..., 3:] = torch.nn.functional.normalize(pose[..., 3:], dim=-1)
    assert_close(frame.leave(frame.enter(pose)), pose)
    own = frame.kept(torch.tensor([True, False, True]))
    assert torch.equal(own.enter(pose)[:, 1], pose[:, 1])
    assert torch.equal(own.leave(pose)[:, 1], pose[:, 1])
