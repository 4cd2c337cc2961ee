"""Credible levels of posteriors that are known in closed form, and of real PnP problems."""

import doctest
import math

import numpy as np
import pytest
import torch
from scipy.stats import binom, chi2, kstest, multivariate_t, norm

from epropnp_det.evaluation import calibration
from epropnp_det.evaluation.calibration import (
    Coverage,
    central_levels,
    highest_density_levels,
    pose_levels,
)
from epropnp_det.pnp import EProPnP, HuberCost, PerspectiveCamera, PnPProblem
from epropnp_det.pnp.pose import rotate

DTYPES = [torch.float32, torch.float64]


def gaussian(num: int, spread: float, samples: int = 4000, dtype=torch.float64):
    """Quadratic costs in four dimensions, samples of a heavy-tailed proposal, and truths.

    Returns:
        Cost (num, K) and log weights (num, K) of samples of the posterior N(0, 1), and the costs
        (num,) of truths from N(0, spread^2).
    """
    rng = np.random.default_rng(0)
    proposal = multivariate_t(shape=1.5 * np.eye(4), df=5, seed=rng)
    x = proposal.rvs((num, samples))
    cost = 0.5 * (x**2).sum(-1)
    log_weights = -cost - proposal.logpdf(x)
    truth = spread * rng.standard_normal((num, 4))
    arrays = (cost, log_weights, 0.5 * (truth**2).sum(-1))
    return tuple(torch.tensor(a, dtype=dtype) for a in arrays)


@pytest.mark.parametrize("dtype", DTYPES)
def test_level_of_a_gaussian(dtype):
    """The mass inside the ellipsoid through the truth: chi squared of four degrees of freedom."""
    cost, log_weights, cost_gt = gaussian(50, 1.0, dtype=dtype)
    levels = highest_density_levels(cost, log_weights, cost_gt)
    assert levels.dtype == dtype
    np.testing.assert_allclose(levels, chi2(4).cdf(2 * cost_gt), atol=0.03)


@pytest.mark.parametrize(
    ("spread", "verdict"), [(1.0, "honest"), (1.5, "overconfident"), (0.7, "underconfident")]
)
def test_coverage_of_a_gaussian(spread, verdict):
    """Truths that scatter more than the posterior says are found inside its regions less often."""
    cost, log_weights, cost_gt = gaussian(1000, spread, samples=300)
    seen = Coverage.of(highest_density_levels(cost, log_weights, cost_gt))
    exact = chi2(4).cdf(chi2(4).ppf(seen.nominal) / spread**2)
    np.testing.assert_allclose(seen.observed, exact, atol=0.04)
    low, high = seen.band
    assert {
        "honest": (seen.observed >= low) & (seen.observed <= high),
        "overconfident": seen.observed < low,
        "underconfident": seen.observed > high,
    }[verdict].all()


def test_weights_with_a_wrong_temperature_are_seen():
    cost, log_weights, cost_gt = gaussian(1000, 1.0, samples=500)
    sharper = highest_density_levels(cost, log_weights - 2 * cost, cost_gt)
    flatter = highest_density_levels(cost, log_weights + 0.5 * cost, cost_gt)
    assert (Coverage.of(sharper).observed < Coverage.of(sharper).band[0]).all()
    assert (Coverage.of(flatter).observed > Coverage.of(flatter).band[1]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_central_levels_of_a_normal(dtype):
    values = torch.linspace(-6, 6, 4001, dtype=dtype).expand(5, -1)
    log_weights = -0.5 * values**2 + 3
    truth = torch.tensor([-1.96, -0.5, 0.0, 0.6745, 2.5], dtype=dtype)
    levels = central_levels(values, log_weights, truth)
    assert levels.dtype == dtype
    np.testing.assert_allclose(levels, 2 * norm.cdf(truth.abs()) - 1, atol=2e-3)


def test_undefined_levels_are_in_no_region():
    nothing, something = torch.full((1, 4), torch.nan), torch.rand(1, 4)
    levels = torch.cat(
        [
            highest_density_levels(something, nothing, torch.zeros(1)),
            highest_density_levels(something, something, torch.tensor([torch.nan])),
            central_levels(something, nothing, torch.zeros(1)),
            central_levels(something, something, torch.tensor([torch.nan])),
        ]
    )
    assert levels.isnan().all()
    assert (Coverage.of(levels).observed == 0).all()


def problems(num: int, dtype=torch.float64) -> PnPProblem:
    """Random objects seen with noisy pixels."""
    x3d = (torch.rand(num, 24, 3) - 0.5) * torch.tensor([4.5, 1.6, 1.9])
    depth = 10 + 15 * torch.rand(num, 1)
    pose = torch.cat([0.2 * depth, 0.05 * depth, depth, 6 * torch.rand(num, 1) - 3], 1)
    matrix = torch.tensor([[900.0, 0, 400], [0, 900, 200], [0, 0, 1]]).expand(num, 3, 3)
    camera = PerspectiveCamera.of_image(matrix, (400, 800))
    x2d = camera.project(rotate(pose, x3d) + pose[:, None, :3])
    x2d += 4 * torch.randn_like(x2d)
    w2d = torch.full_like(x2d, 0.25)
    cost = HuberCost.adaptive(x2d, w2d)
    return PnPProblem(x3d, x2d, w2d, camera, cost).to(dtype)


def posterior_of(problem: PnPProblem, seed: int, mc_samples: int = 512):
    """Samples (M, K, 4) and log weights (M, K)."""
    generator = torch.Generator().manual_seed(seed)
    posterior = EProPnP(mc_samples=mc_samples)(problem, generator=generator)
    return posterior.samples.transpose(0, 1), posterior.log_weights.mT


@pytest.fixture(scope="module")
def drawn():
    """PnP problems, and poses that are draws of their posteriors, hundred an object."""
    torch.manual_seed(0)
    problem = problems(10)
    samples, log_weights = posterior_of(problem, seed=1, mc_samples=40_000)
    chosen = log_weights.softmax(1).multinomial(100, replacement=True)
    return problem, torch.stack([s[i] for s, i in zip(samples, chosen, strict=True)], 1)


@pytest.mark.parametrize("mc_samples", [128, 512])
def test_draws_of_the_posterior_have_uniform_levels(drawn, mc_samples):
    """With the default number of samples, and another, of other random numbers."""
    problem, poses = drawn
    samples, log_weights = posterior_of(problem, 2, mc_samples)
    found = [pose_levels(problem, samples, log_weights, pose) for pose in poses]
    for name in ("pose", "depth", "yaw"):
        levels = torch.cat([getattr(level, name) for level in found])
        assert levels.min() >= 0 and levels.max() <= 1
        assert kstest(levels.numpy(), "uniform").statistic < 0.06, name


def test_truth_far_away_and_at_the_mode():
    problem = problems(6)
    samples, log_weights = posterior_of(problem, 0)
    mode = EProPnP()(problem).mode
    near = pose_levels(problem, samples, log_weights, mode)
    assert (near.pose < 0.02).all() and (near.depth < 0.9).all()
    away = mode + torch.tensor([0, 0, 40.0, 0])
    far = pose_levels(problem, samples, log_weights, away)
    assert (far.pose > 0.99).all() and (far.depth > 0.99).all()
    torch.testing.assert_close(far.yaw, near.yaw)


def test_full_turns_make_no_difference():
    problem = problems(6)
    samples, log_weights = posterior_of(problem, 0)
    truth = samples[:, 5]
    turns = torch.tensor([0, 0, 0, 2 * math.pi])
    expected = pose_levels(problem, samples, log_weights, truth)
    moved = pose_levels(problem, samples + 3 * turns, log_weights, truth - 2 * turns)
    for level, other in zip(expected, moved, strict=True):
        torch.testing.assert_close(level, other, atol=0.02, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_equals_its_elements(dtype):
    problem = problems(4, dtype)
    samples, log_weights = posterior_of(problem, 0)
    truth = samples[:, 7]
    whole = pose_levels(problem, samples, log_weights, truth)
    for i in range(4):
        one = slice(i, i + 1)
        single = pose_levels(problem[one], samples[one], log_weights[one], truth[one])
        for level, other in zip(whole, single, strict=True):
            assert other.dtype == dtype and other.shape == (1,)
            torch.testing.assert_close(level[one], other, atol=1e-2, rtol=0)


def test_no_objects():
    problem = problems(1)[:0]
    levels = pose_levels(problem, torch.zeros(0, 8, 4), torch.zeros(0, 8), torch.zeros(0, 4))
    assert [level.shape for level in levels] == [(0,)] * 3
    seen = Coverage.of(levels.pose)
    assert seen.count == 0 and np.isnan(seen.observed).all()
    np.testing.assert_array_equal(seen.band, [[0, 0, 0], [1, 1, 1]])
    assert seen.as_dict()["observed"] == [None] * 3


def test_band_is_that_of_independent_objects():
    levels = np.random.default_rng(0).uniform(size=(1000, 40))
    shares = np.array([Coverage.of(row).observed for row in levels])
    low, high = Coverage.of(levels[0]).band
    inside = ((shares >= low) & (shares <= high)).mean(0)
    # The band ends at whole numbers of objects, so it holds a little more than it must.
    exact = [
        binom.cdf(40 * h, 40, p) - binom.cdf(40 * lo - 1, 40, p)
        for lo, h, p in zip(low, high, (0.5, 0.8, 0.95), strict=True)
    ]
    assert min(exact) >= 0.95
    np.testing.assert_allclose(inside, exact, atol=0.03)


def test_examples_run():
    names = dict(EProPnP=EProPnP, problem=problems(1, torch.float32))
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [t for t in finder.find(calibration, extraglobs=names) if t.examples]
    assert len(tests) == 3
    for test in tests:
        report = []
        doctest.DocTestRunner(verbose=False).run(test, out=report.append)
        assert not report, "".join(report)
