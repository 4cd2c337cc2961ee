"""On a GPU: the numbers of the CPU, no waiting for the host, and whole calls in a CUDA graph."""

from functools import partial

import pytest
import torch
from cuda_graph import CapturedCall
from torch.testing import assert_close

from epropnp_det.pnp import (
    EProPnP,
    HuberCost,
    LMSolver,
    PnPProblem,
    RandomSampleSolver,
    monte_carlo_pose_loss,
)
from epropnp_det.pnp.backend import select_backend
from epropnp_det.pnp.layout import OBJECT_ROWS
from epropnp_det.pnp.pose import pose_type, rotate

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

each_backend = pytest.mark.parametrize("compile", [False, True], ids=["eager", "compiled"])


@pytest.fixture
def no_waiting():
    """Raise where the host waits for the GPU."""
    yield partial(torch.cuda.set_sync_debug_mode, "error")
    torch.cuda.set_sync_debug_mode("default")


def assert_same_place(pose, expected, problem):
    """Yaws may differ by turns, and quaternions in their sign."""
    moved = [rotate(p, problem.x3d) + p[:, None, :3] for p in (pose, expected)]
    assert_close(*moved, rtol=1e-6, atol=1e-6)


def training_step(layer, leaves, camera, pose_gt):
    """Mode, loss and gradients, from correspondences."""
    x3d, x2d, w2d = leaves
    problem = PnPProblem(*leaves, camera, HuberCost.adaptive(x2d, w2d))
    posterior = layer(problem, pose_gt)
    loss = monte_carlo_pose_loss(posterior)
    return posterior.mode, loss, *torch.autograd.grad(loss.sum(), leaves)


def leaves_of(problem):
    return [t.clone().requires_grad_() for t in (problem.x3d, problem.x2d, problem.w2d)]


@each_backend
def test_costs_and_gradients_are_those_of_the_cpu(make_problem, dof, compile):
    problem, pose = make_problem(batch=5, num_points=30, dof=dof)
    poses = pose_type(dof).retract(pose, 0.01 * torch.randn(20, 5, dof, dtype=pose.dtype))
    poses, upstream = poses.permute(1, 2, 0).contiguous(), torch.randn(5, 20, dtype=pose.dtype)
    keep = torch.ones(5, dtype=torch.bool)
    results = []
    for device in ("cpu", "cuda"):
        backend = select_backend(compile and device == "cuda", problem.camera)
        rows, blocks = problem.to(device).pack(OBJECT_ROWS), backend.points_per_block
        tensors = [tensor.to(device) for tensor in (poses, upstream, keep)]
        cost = backend.cost_of_poses(rows, tensors[0], blocks)
        results.append((cost, *backend.gradient_at_poses(rows, *tensors, blocks)))
    for expected, ours in zip(*results, strict=True):
        assert ours.is_cuda
        assert_close(ours.cpu(), expected)


@each_backend
def test_solutions_are_those_of_the_cpu(make_problem, dof, compile):
    problem, pose = make_problem(batch=40, dof=dof)
    start = pose_type(dof).retract(pose, torch.full((40, dof), 0.1, dtype=pose.dtype))
    expected = LMSolver()(problem, start)
    ours = LMSolver(compile=compile)(problem.to("cuda"), start.cuda())
    assert_close(ours.cost.cpu(), expected.cost)
    assert_close(ours.covariance.cpu(), expected.covariance, rtol=1e-5, atol=1e-6)
    assert_same_place(ours.pose.cpu(), expected.pose, problem)
    found = RandomSampleSolver(dof, compile=compile)(problem.to("cuda"))
    assert_close(found.cost.cpu(), expected.cost)


@each_backend
def test_evidence_is_that_of_the_cpu(make_problem, dof, compile):
    problem, _ = make_problem(batch=4, num_points=64, dof=dof)
    results = []
    for device in ("cpu", "cuda"):
        layer = EProPnP(dof, mc_samples=2048, compile=compile and device == "cuda")
        posterior = layer(problem.to(device))
        variance = (1 / posterior.effective_sample_size - 1 / 2048).cpu()
        results.append((posterior.log_evidence.cpu(), variance))
    (expected, variance), (ours, other_variance) = results
    assert ((ours - expected).abs() < 4 * (variance + other_variance).sqrt()).all()


@each_backend
@pytest.mark.parametrize("sampler", ["joint_t", "amis"])
def test_host_neither_waits_nor_draws(make_problem, no_waiting, dof, compile, sampler):
    problem, pose = make_problem(batch=4, dof=dof)
    problem, pose = problem.to("cuda"), pose.cuda()
    leaves, layer = leaves_of(problem), EProPnP(dof, 16, sampler=sampler, compile=compile)
    training_step(layer, leaves, problem.camera, pose)
    state = torch.get_rng_state()
    torch.cuda.synchronize()
    no_waiting()
    layer.solver(problem)
    LMSolver(compile=compile)(problem, pose)
    training_step(layer, leaves, problem.camera, pose)
    assert torch.equal(torch.get_rng_state(), state)


@each_backend
def test_same_seed_same_samples(make_problem, dof, compile):
    problem, pose = (part.to("cuda") for part in make_problem(dof=dof))
    layer = EProPnP(dof, mc_samples=16, compile=compile)
    one, same, other = (
        layer(problem, pose, torch.Generator("cuda").manual_seed(seed)).samples
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


@each_backend
def test_training_step_in_a_cuda_graph(make_problem, dof, compile):
    """What is captured once solves whatever lies in its inputs later."""
    (problem, pose), (other, other_pose) = (
        [part.to("cuda") for part in make_problem(batch=6, dof=dof, seed=seed)] for seed in (0, 1)
    )
    leaves = leaves_of(problem)
    layer = EProPnP(dof, 128, compile=compile)
    step = partial(training_step, layer, leaves, problem.camera, pose)
    captured = CapturedCall(step)
    captured()
    with torch.no_grad():
        for leaf, value in zip(leaves, (other.x3d, other.x2d, other.w2d), strict=True):
            leaf.copy_(value)
        pose.copy_(other_pose)
    losses = []
    for _ in range(2):
        mode, loss, *gradients = captured()
        losses.append(loss.detach().clone())
    expected_mode, expected_loss, *expected = step()
    assert_same_place(mode, expected_mode, other)
    assert not torch.equal(*losses)  # every replay draws its own samples
    assert_close(losses[0], expected_loss.detach(), rtol=0, atol=0.3)
    for ours, reference in zip(gradients, expected, strict=True):
        cosine = torch.cosine_similarity(ours.flatten(1), reference.flatten(1))
        assert (cosine > 0.95).all()
