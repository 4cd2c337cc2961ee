"""No data, however wild, raises or reaches another object of the batch."""

from functools import cache

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epropnp_det.pnp import (
    EProPnP,
    HuberCost,
    PerspectiveCamera,
    PnPProblem,
    gauss_newton_step,
    monte_carlo_pose_loss,
)

BATCH, MOST_POINTS, SPOILED = 3, 6, 1
OTHERS = [0, 2]


def scale(name):
    """Multiply a point of the object, or all of them, by anything."""
    factors = st.sampled_from([0.0, 1e-30, 1e-12, -1.0, 1e12, 1e30, torch.inf, torch.nan])
    return st.tuples(st.just(name), factors, st.integers(0, MOST_POINTS - 1), st.booleans())


def all_of(name, *values):
    return st.tuples(st.just(name), st.sampled_from(values), st.just(0), st.just(True))


spoils = st.lists(
    st.one_of(
        scale("x3d"),
        scale("x2d"),
        scale("w2d"),
        all_of("w2d", 0.0, 1e-12, 1e12),
        all_of("focal", 0.0, 1e-30, 1e3, 1e30, torch.inf, torch.nan),
        all_of("gt_depth", -1.0, 0.0, 1e-3, 1e5, 1e30, torch.inf, torch.nan),
        all_of("seen_from", 1e-3, 1e5, -10.0),
        all_of("flatten", 0.0, 1e-6),  # collinear points
        all_of("coincide", 0.0),
        all_of("bounds", 0.0, 1e30, torch.nan),
    ),
    max_size=3,
)


def spoil(numbers, pose, change):
    """Change one object's numbers in place."""
    name, value, place, whole = change
    if name == "focal":
        numbers["cam_mats"][SPOILED, :2, :2] *= value
    elif name == "gt_depth":
        pose[SPOILED, 2] *= value
    elif name == "seen_from":  # where the pixels are, near or far
        away = numbers["x2d"][SPOILED] - numbers["cam_mats"][SPOILED, :2, 2]
        numbers["x2d"][SPOILED] += away * (pose[SPOILED, 2] / value - 1)
    elif name == "flatten":
        numbers["x3d"][SPOILED, :, 1:] *= value
    elif name == "coincide":
        numbers["x3d"][SPOILED] = numbers["x3d"][SPOILED, :1]
        numbers["x2d"][SPOILED] = numbers["x2d"][SPOILED, :1]
    else:
        where = slice(None) if whole else slice(place, place + 1)
        numbers[name][SPOILED, where] *= value


def run(make_problem, dof, dtype, num_points, changes):
    """Everything that must be finite, and everything that belongs to one object, objects first."""
    good, pose = make_problem(batch=BATCH, num_points=num_points, dtype=dtype, dof=dof)
    numbers = {
        "x3d": good.x3d,
        "x2d": good.x2d,
        "w2d": good.w2d,
        "cam_mats": good.camera.cam_mats,
        "bounds": good.camera.bounds,
    }
    for change in changes:
        spoil(numbers, pose, change)
    leaves = [numbers[name].requires_grad_() for name in ("x3d", "x2d", "w2d")]
    camera = PerspectiveCamera(numbers["cam_mats"], numbers["bounds"])
    problem = PnPProblem(*leaves, camera, HuberCost.adaptive(*leaves[1:]))
    layer = EProPnP(dof, mc_samples=8)
    posterior = layer(problem, pose, torch.Generator().manual_seed(0))
    loss = monte_carlo_pose_loss(posterior)
    plus = gauss_newton_step(problem, posterior.mode)
    loss_gradients = torch.autograd.grad(loss.sum(), leaves, retain_graph=True)
    results = {
        "mode": posterior.mode,
        "covariance": posterior.covariance,
        "samples": posterior.samples.transpose(0, 1),
        "log_weights": posterior.log_weights.T,
        "cost_gt": posterior.cost_gt,
        "loss": loss,
        "plus": plus,
    }
    for name, gradient in zip(("x3d", "x2d", "w2d"), loss_gradients, strict=True):
        results[f"loss by {name}"] = gradient
    for name, gradient in zip(
        ("x3d", "x2d", "w2d"), torch.autograd.grad(plus.sum(), leaves), strict=True
    ):
        results[f"plus by {name}"] = gradient
    return posterior.valid, {name: tensor.detach() for name, tensor in results.items()}


@pytest.fixture(scope="module")
def healthy():
    """The same without a spoiled object, once for all examples."""
    return cache(run)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@given(changes=spoils, num_points=st.sampled_from([MOST_POINTS, MOST_POINTS, 1, 0]))
@settings(
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_spoiled_object_stays_alone(make_problem, healthy, dof, dtype, changes, num_points):
    valid, results = run(make_problem, dof, dtype, num_points, changes)
    expected_valid, expected = healthy(make_problem, dof, dtype, num_points, ())
    for name, tensor in results.items():
        assert tensor.isfinite().all(), name
        assert torch.equal(tensor[OTHERS], expected[name][OTHERS]), name
    assert torch.equal(valid[OTHERS], expected_valid[OTHERS])
    assert expected_valid.tolist() == [num_points == MOST_POINTS] * BATCH
    if not valid[SPOILED]:
        for name in ("loss", "loss by x3d", "loss by x2d", "loss by w2d"):
            assert not results[name][SPOILED].any(), name


NOT_A_POSE = {
    "points coincide": ("coincide", 0.0, 0, True),
    "points are one": ("x3d", 0.0, 0, True),
    "weights are zero": ("w2d", 0.0, 0, True),
    "weights are tiny": ("w2d", 1e-12, 0, True),
    "a point is infinite": ("x3d", torch.inf, 2, False),
    "a pixel is unknown": ("x2d", torch.nan, 2, False),
    "a weight is unknown": ("w2d", torch.nan, 2, False),
    "the camera is unknown": ("focal", torch.nan, 0, True),
    "the truth is unknown": ("gt_depth", torch.nan, 0, True),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize("change", NOT_A_POSE.values(), ids=NOT_A_POSE)
def test_what_means_nothing_is_not_valid(make_problem, dof, dtype, change):
    valid, _ = run(make_problem, dof, dtype, MOST_POINTS, (change,))
    assert valid.tolist() == [True, False, True]


STILL_A_POSE = {
    "weights of a thousandth": ("w2d", 1e-3, 0, True),
    "heavy weights": ("w2d", 1e12, 0, True),
    "truth behind the camera": ("gt_depth", -1.0, 0, True),
    "truth far away": ("gt_depth", 1e5, 0, True),
}


@pytest.mark.parametrize("change", STILL_A_POSE.values(), ids=STILL_A_POSE)
def test_what_is_only_wild_stays_valid(make_problem, dof, change):
    valid, results = run(make_problem, dof, torch.float64, MOST_POINTS, (change,))
    assert valid.all()
    assert results["loss by x3d"][SPOILED].any()


@pytest.mark.parametrize("dof", [4, 6])
def test_many_random_objects(dof):
    """Pixels that have nothing to do with the points."""
    batch = 288
    camera = PerspectiveCamera(torch.eye(3).repeat(batch, 1, 1) * 700)
    x3d = torch.randn(batch, 5, 3, requires_grad=True)
    x2d = 300 * torch.randn(batch, 5, 2)
    problem = PnPProblem(x3d, x2d, None, camera, HuberCost.adaptive(x2d))
    posterior = EProPnP(dof, mc_samples=4)(problem, torch.randn(batch, 4 if dof == 4 else 7))
    plus = gauss_newton_step(problem, posterior.mode)
    total = monte_carlo_pose_loss(posterior).sum() + plus.sum()
    (gradient,) = torch.autograd.grad(total, x3d)
    for tensor in (posterior.mode, posterior.samples, posterior.log_weights, plus, gradient):
        assert tensor.isfinite().all()
