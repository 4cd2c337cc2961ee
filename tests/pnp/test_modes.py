"""Several optima: which are kept, what they weigh, and what the layer makes of them."""

import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import (
    CauchyCost,
    EProPnP,
    HuberCost,
    PerspectiveCamera,
    PnPProblem,
    RandomSampleSolver,
)
from epropnp_det.pnp.amis import amis
from epropnp_det.pnp.modes import Modes, laplace_mass, rank_ends
from epropnp_det.pnp.pose import QuaternionPose, YawPose, rotate

F64 = torch.float64


def flat_squares(batch=12, tilt=20.0, thickness=0.0, seed=0):
    """Squares of 0.2 m, 3 m away, of which tilted the other way the image is nearly the same."""
    rng = torch.Generator().manual_seed(seed)
    side = torch.linspace(-0.1, 0.1, 4, dtype=F64)
    x3d = torch.cartesian_prod(side, side).repeat(batch, 1, 1)
    depth = thickness * (torch.rand(batch, 16, 1, generator=rng, dtype=F64) - 0.5)
    x3d = torch.cat((x3d, depth), dim=-1)
    half = math.radians(tilt) / 2
    way = 2 * math.pi * torch.rand(batch, generator=rng, dtype=F64)
    zero = torch.zeros_like(way)
    sine = math.sin(half)
    quaternion = (zero + math.cos(half), sine * way.cos(), sine * way.sin(), zero)
    pose = torch.stack((zero, zero, zero + 3, *quaternion), dim=-1)
    camera = PerspectiveCamera(
        torch.diag(torch.tensor([800.0, 800, 1])).double().repeat(batch, 1, 1)
    )
    x2d = camera.project(rotate(pose, x3d) + pose[:, None, :3])
    x2d = x2d + torch.randn(x2d.shape, generator=rng, dtype=F64)
    return PnPProblem(x3d, x2d, None, camera, HuberCost(3.0)), pose


def two_yaws(batch=6):
    """Boxes each of whose pixels is matched to a point and to the one half a turn away."""
    rng = torch.Generator().manual_seed(3)
    x3d = (torch.rand(batch, 20, 3, generator=rng, dtype=F64) - 0.5) * torch.tensor([4, 1.6, 1.8])
    yaw = 6 * torch.rand(batch, 1, generator=rng, dtype=F64) - 3
    pose = torch.cat((torch.tensor([[1.0, 1, 15]]).double().repeat(batch, 1), yaw), dim=1)
    matrix = torch.diag(torch.tensor([1260.0, 1260, 1])).double()
    camera = PerspectiveCamera(matrix.repeat(batch, 1, 1))
    x2d = camera.project(rotate(pose, x3d) + pose[:, None, :3])
    turned = x3d * torch.tensor([-1.0, 1, -1])
    problem = PnPProblem(
        torch.cat((x3d, turned), dim=1), torch.cat((x2d, x2d), dim=1), None, camera, CauchyCost(2.0)
    )
    return problem, pose


def angles(pose, other):
    """Between rotations, degrees."""
    if pose.shape[-1] == 4:
        turn = (pose[..., 3] - other[..., 3] + math.pi) % (2 * math.pi) - math.pi
        return torch.rad2deg(turn.abs())
    cosine = (pose[..., 3:] * other[..., 3:]).sum(-1).abs().clamp(max=1)
    return torch.rad2deg(2 * cosine.acos())


@pytest.mark.parametrize("kind", [YawPose, QuaternionPose])
def test_ends_of_one_optimum_are_one_mode(kind):
    rng = torch.Generator().manual_seed(0)
    mode = (
        torch.tensor([[0, 0, 10, 1.0]])
        if kind is YawPose
        else torch.tensor([[0, 0, 10, 1.0, 0, 0, 0]])
    )
    hessian = torch.eye(kind.dof).expand(1, 5, -1, -1) * 100.0  # deviations of 0.1
    near = kind.retract(mode, 0.01 * torch.randn(1, kind.dof, generator=rng))
    far = kind.retract(mode, torch.tensor([[1.0] + [0.0] * (kind.dof - 1)]))
    # The far one twice, and one that is none.
    ends = torch.stack((far, near, mode, far + 0, mode), dim=1)
    cost = torch.tensor([[3.0, 2.0, 1.0, 3.0, torch.nan]])
    order, distinct = rank_ends(ends, cost, hessian)
    assert order[0, :2].tolist() == [2, 0] and distinct[0].tolist() == [True, True] + [False] * 3


def test_the_same_optimum_by_the_other_sign():
    pose = torch.tensor([[0, 0, 10, 0.6, 0.8, 0, 0]])
    ends = torch.stack((pose, torch.cat((pose[:, :3], -pose[:, 3:]), dim=1)), dim=1)
    order, distinct = rank_ends(ends, torch.ones(1, 2), torch.eye(6).expand(1, 2, -1, -1))
    assert order[0, 0] == 0 and distinct[0].tolist() == [True, False]


def test_mass_is_laplace_s():
    covariance = torch.stack((torch.eye(4), 4 * torch.eye(4), torch.eye(4)))[None]
    cost = torch.tensor([[1.0, 2.0, 30.0]])
    mass = laplace_mass(cost, covariance, torch.tensor([[True, True, True]]))
    ratio = math.exp(-1.0) * 4**2  # the root of 4^4
    assert_close(mass[0], torch.tensor([1 / (1 + ratio), ratio / (1 + ratio), 0]))
    alone = laplace_mass(cost, covariance, torch.tensor([[False, False, True]]))
    assert alone[0, 0] > 0  # there is always one


def test_a_tilted_square_has_two_modes():
    problem, pose = flat_squares()
    modes = RandomSampleSolver(6)(problem, generator=torch.Generator().manual_seed(0)).modes
    assert modes.found[:, :2].all()
    between = angles(modes.pose[:, 0], modes.pose[:, 1])
    assert ((between > 20) & (between < 60)).all()
    truth = angles(modes.pose[:, :2], pose[:, None]).amin(1)
    assert truth.median() < 5
    assert_close(modes.mass.sum(1), torch.ones(len(problem), dtype=F64))
    # Local optima, all of them.
    for m in (0, 1):
        gradient = problem.normal_equations(modes.pose[:, m]).gradient
        step = torch.linalg.solve(problem.normal_equations(modes.pose[:, m]).hessian, gradient)
        assert (step.norm(dim=-1) < 1e-2).all()


def test_result_is_the_first_mode(make_problem, dof):
    problem, _ = make_problem(dof=dof)
    result = RandomSampleSolver(dof)(problem)
    assert torch.equal(result.modes.pose[:, 0], result.pose)
    assert torch.equal(result.modes.covariance[:, 0], result.covariance)
    assert (result.modes.mass[:, 0] > 0.5).all()


def test_what_is_no_mode_repeats_the_best(degenerate):
    problem, _, healthy = degenerate
    for result in (RandomSampleSolver(4)(problem), EProPnP(4)(problem)):
        modes = result.modes
        assert modes.pose.isfinite().all() and modes.covariance.isfinite().all()
        assert_close(modes.mass.sum(1), torch.ones_like(modes.mass[:, 0]))
        again = modes.pose[:, :1].expand_as(modes.pose)
        assert torch.equal(modes.pose[~modes.found], again[~modes.found])


@pytest.mark.parametrize("kind", ["square", "yaws"])
def test_no_mode_is_lost_by_the_sampler(kind):
    """Against many samples from the same modes: masses, evidence and effective samples at K=128."""
    problem, _ = flat_squares() if kind == "square" else two_yaws()
    dof = 6 if kind == "square" else 4
    many = EProPnP(dof, 16384)(problem, generator=torch.Generator().manual_seed(1))
    modes = many.modes.pose

    def shares(posterior):
        turned = angles(posterior.samples[:, :, None], modes)
        nearest = turned.where(many.modes.found, torch.inf).argmin(-1)
        weight = posterior.log_weights.softmax(0)
        return torch.stack([(weight * (nearest == m)).sum(0) for m in range(2)], dim=1)

    expected, errors, sizes = shares(many), [], []
    assert (expected[:, 1] > 0.05).double().mean() > 0.6
    for seed in range(5):
        few = EProPnP(dof, 128)(problem, generator=torch.Generator().manual_seed(seed))
        big = expected > 0.05
        found = shares(few)
        assert (found[big] > 0.01).all()
        assert ((found / expected)[big].log().abs() < math.log(1.25)).double().mean() > 0.85
        errors.append(few.log_evidence - many.log_evidence)
        sizes.append(few.effective_sample_size / 128)
    assert torch.stack(errors).square().mean().sqrt() < 0.12
    assert torch.stack(sizes).mean() > 0.45


def test_published_sampler_knows_the_best_mode_alone():
    problem, _ = flat_squares(batch=3)
    modes = RandomSampleSolver(6)(problem, generator=torch.Generator().manual_seed(0)).modes
    assert modes.found[:, 1].all()
    alone = Modes.single(modes.pose[:, 0], modes.covariance[:, 0])
    drawn = [
        amis(problem.cost, each, 128, 4, torch.Generator().manual_seed(0))
        for each in (modes, alone)
    ]
    for samples, expected in zip(*drawn, strict=True):
        assert torch.equal(samples, expected)


def test_a_batch_equals_its_objects(dof):
    problem, _ = flat_squares() if dof == 6 else two_yaws()
    # One sequence of random numbers a batch: what an object gets does not depend on its neighbours.
    whole = RandomSampleSolver(dof)(problem, generator=torch.Generator().manual_seed(0)).modes
    alone = RandomSampleSolver(dof)(problem[1], generator=torch.Generator().manual_seed(0)).modes
    assert_close(whole[1].pose, alone.pose)
    assert_close(whole[1].mass, alone.mass)


def test_single():
    mode, covariance = torch.zeros(2, 4), torch.eye(4).repeat(2, 1, 1)
    modes = Modes.single(mode, covariance)
    assert modes.pose.shape == (2, 1, 4) and modes.found.all() and modes.device == mode.device
