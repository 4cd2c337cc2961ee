import math
import os
import shutil
import warnings
from functools import partial

import pytest
import torch
from torch._higher_order_ops import while_loop
from torch._inductor.exc import InductorError, InvalidCxxCompiler
from torch.testing import assert_close

from epropnp_det.pnp import (
    EProPnP,
    LMSolver,
    OpenCVCamera,
    PerspectiveCamera,
    PnPProblem,
    RandomSampleSolver,
    backend,
    monte_carlo_pose_loss,
)
from epropnp_det.pnp.backend import EAGER, select_backend
from epropnp_det.pnp.layout import OBJECT_ROWS
from epropnp_det.pnp.pose import YawPose, pose_type
from epropnp_det.pnp.samplers import select_sampler

needs_compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="there is no C++ compiler"
)


@pytest.fixture
def with_compile(monkeypatch):
    """Put something else in place of ``torch.compile``."""

    def replace(function):
        monkeypatch.setattr(torch, "compile", function)
        fresh = backend._compiled_backend.__wrapped__()
        monkeypatch.setattr(backend, "_compiled_backend", lambda: fresh)

    return replace


@pytest.fixture
def uncompiled(with_compile):
    """The compiled backend's layout and blocks, with functions that run as they are."""
    with_compile(lambda function, **settings: function)


def step(problem, pose, dof, compile, mc_samples=8, num_iter=10):
    """One training step: posterior, and gradients of its loss."""
    leaves = [t.clone().requires_grad_() for t in (problem.x3d, problem.x2d, problem.w2d)]
    problem = PnPProblem(*leaves, problem.camera, problem.robust_cost)
    solver = RandomSampleSolver(dof, refine=LMSolver(num_iter), compile=compile)
    layer = EProPnP(dof, mc_samples, solver=solver, compile=compile)
    posterior = layer(problem, pose, torch.Generator().manual_seed(0))
    gradients = torch.autograd.grad(monte_carlo_pose_loss(posterior).sum(), leaves)
    return posterior, gradients


def assert_same_step(ours, expected):
    for name in ("mode", "covariance", "samples", "log_weights", "cost_gt"):
        pair = (getattr(posterior, name).detach() for posterior in (ours[0], expected[0]))
        assert_close(*pair, rtol=1e-6, atol=1e-6)
    # Another order of rounding may prefer another of several starts that lead to one optimum.
    for gradient, reference in zip(ours[1], expected[1], strict=True):
        assert_close(gradient, reference, rtol=1e-5, atol=1e-5)


def test_only_pinholes_are_compiled_for_and_once():
    pinhole = PerspectiveCamera(torch.eye(3)[None])
    lens = OpenCVCamera(torch.eye(3)[None], distortion=torch.zeros(1, 4))
    assert select_backend(False, pinhole) is EAGER and select_backend(True, lens) is EAGER
    assert select_backend(True, pinhole) is select_backend(True, pinhole)
    assert select_backend(True, pinhole) is not EAGER


def test_blocks_together_are_everything(make_problem, dof):
    """Many poses and points are worked on a block of objects at a time."""
    problem, pose = make_problem(batch=5, num_points=300, dof=dof)
    poses = pose_type(dof).retract(pose, 0.01 * torch.randn(200, 5, dof, dtype=pose.dtype))
    packed = problem.pack(OBJECT_ROWS)
    poses_of_objects = poses.permute(1, 2, 0).contiguous()
    assert EAGER.points_per_block < 5 * 300 * 200
    for limit in (1, EAGER.points_per_block, None):
        cost = EAGER.cost_of_poses(packed, poses_of_objects, limit)
        assert_close(cost.mT, problem.cost(poses))


@needs_compiler
def test_compiled_loops_equal_eager_ones(make_problem):
    """Of all loops these two, because every compilation takes its time."""
    compiled = select_backend(True, make_problem()[0].camera)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of running uncompiled
        for batch, num_points in ((3, 6), (40, 9)):
            problem, pose = make_problem(batch=batch, num_points=num_points)
            poses = pose[..., None].repeat(1, 1, batch + 2)
            packed = problem.pack(OBJECT_ROWS)
            costs = [b.cost_of_poses(packed, poses, b.points_per_block) for b in (compiled, EAGER)]
            assert_close(*costs)
            ends = []
            for b in (compiled, EAGER):
                problem_of_b = problem.pack(b.layout)
                padded = pose.new_zeros(math.prod(problem_of_b.grid), 4)
                padded[:batch] = pose + 0.1
                # What is not finite must be seen in spite of a compiler that knows 0 * x.
                padded[0, 0], padded[1, 3], padded[2, 1] = torch.nan, torch.inf, -torch.inf
                padded = padded.unflatten(0, problem_of_b.grid)
                state = b.minimise(YawPose, problem_of_b, padded, 2, 30.0, 1e-3)
                ends.append(state.objects(torch.arange(batch)))
            for ours, expected in zip(*(end.model for end in ends), strict=True):
                assert_close(ours, expected)
            for name in ("pose", "radius", "num_accepted"):
                assert_close(*(getattr(end, name) for end in ends))


@needs_compiler
def test_compiled_rounds_equal_eager_ones(make_problem):
    """Draws, densities and what is learned from them."""
    problem, pose = make_problem(batch=3, num_points=12)
    modes = LMSolver()(problem, pose).modes
    samples = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of running uncompiled
        for b in (select_backend(True, problem.camera), EAGER):
            sampler, rng = select_sampler("joint_t", b), torch.Generator().manual_seed(0)
            samples.append(sampler(problem.cost, modes, 64, 2, rng))
    for ours, expected in zip(*samples, strict=True):
        assert_close(ours, expected)


@needs_compiler
def test_cache_on_the_disk_tells_loops_apart(tmp_path, monkeypatch):
    """By their bodies, which is all that is different here; and finds again what it has."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    counters = torch._dynamo.utils.counters["aot_autograd"]

    def thrice(operation):
        def run(x):
            return while_loop(
                lambda count, _: count < 3,
                lambda count, x: (count + 1, operation(x, 2.0)),
                (torch.zeros((), dtype=torch.long), x),
            )[1]

        torch._dynamo.eval_frame.reset_code(run.__code__)
        hits = counters["autograd_cache_hit"]
        result = torch.compile(run, options=backend.CACHE_LOOPS)(torch.ones(1)).item()
        return result, counters["autograd_cache_hit"] - hits

    loops = [thrice(operation) for operation in (torch.mul, torch.add, torch.mul)]
    assert loops == [(8.0, 0), (7.0, 0), (8.0, 1)]


def test_rows_of_lanes_equal_one_row(make_problem, uncompiled, dof):
    problem, pose = make_problem(batch=35, num_points=20, dof=dof)
    ours = step(problem, pose, dof, compile=True)
    assert_same_step(ours, step(problem, pose, dof, compile=False))


def test_traces_once_for_all_shapes(make_problem, with_compile):
    """The compiler's first half alone, which decides whether there is a second time."""
    compile = torch.compile
    with_compile(lambda function, **_: compile(function, dynamic=True, backend="eager"))

    def run(batch, num_points, mc_samples, num_iter=10):
        problem, pose = make_problem(batch=batch, num_points=num_points)
        step(problem, pose, 4, True, mc_samples, num_iter)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of running uncompiled
        run(11, 20, 64)
        with torch._dynamo.config.patch(error_on_recompile=True):
            run(70, 33, 128, num_iter=4)
            run(64, 7, 64)  # no padding
            run(2, 5, 36)
            run(1, 7, 256)


@pytest.mark.parametrize(("batch", "num_points"), [(0, 5), (1, 1), (2, 0), (1, 20)])
def test_small_shapes(make_problem, uncompiled, dof, batch, num_points):
    problem, pose = make_problem(batch=batch, num_points=num_points, dof=dof)
    ours, gradients = step(problem, pose, dof, compile=True)
    assert ours.samples.shape == (8, *pose.shape)
    assert ours.valid.tolist() == [num_points == 20] * batch
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_runs_as_it_is_without_a_compiler(make_problem, with_compile):
    """And says so once a function, with what to do about it."""

    def compile(function, **settings):
        def run(*args):  # as a real one ends, see test_compile_errors
            raise InductorError(InvalidCxxCompiler(), None)

        return run

    with_compile(compile)
    problem, pose = make_problem(batch=2, num_points=6)
    solve = partial(LMSolver(num_iter=0, compile=True), problem, pose)
    with pytest.warns(UserWarning, match="minimise .* uncompiled.* install a C"):
        result = solve()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = solve()
    assert_close(result.cost, problem.cost(pose))
    assert torch.equal(again.cost, result.cost)
