import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp.pose import QuaternionPose
from epropnp_det.pnp.proposals import (
    CAUCHY_SCALE,
    AngularCentralGaussian,
    MultivariateT,
    VonMisesUniform,
    scale_factor,
)

integrate = pytest.importorskip("scipy.integrate")
stats = pytest.importorskip("scipy.stats")

F64 = torch.float64


def test_golden_multivariate_t(golden_proposals):
    g = golden_proposals
    log_prob = MultivariateT(g["t_loc"], g["t_scale_tril"]).log_prob(g["t_value"])
    assert_close(log_prob, g["t_logprob"], rtol=1e-8, atol=1e-9)


def test_golden_von_mises_mixture(golden_proposals):
    g = golden_proposals
    mixture = VonMisesUniform(g["vm_loc"], g["vm_kappa"])
    # The reference takes the Bessel function from a polynomial that is good to seven digits; ours
    # is compared with an exact one below.
    expected = g["vm_logprob"][..., 0]
    assert_close(mixture.log_prob(g["vm_value"]), expected, rtol=1e-6, atol=1e-6)


def test_golden_angular_central_gaussian(golden_proposals):
    g = golden_proposals
    log_prob = AngularCentralGaussian(g["acg_scale_tril"]).log_prob(g["acg_value"])
    assert_close(log_prob, g["acg_logprob"], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kappa", [1e-3, 0.5, 30.0, 1e4, 1e6])
def test_von_mises_mixture_agrees_with_scipy(kappa):
    angle = torch.linspace(-3.1, 3.1, 50, dtype=F64)[:, None, None]
    mixture = VonMisesUniform(torch.tensor([[0.4]], dtype=F64), torch.tensor([[kappa]], dtype=F64))
    density = 0.75 * stats.vonmises.pdf(angle.numpy(), kappa, loc=0.4) + 0.25 / (2 * math.pi)
    assert_close(
        mixture.log_prob(angle), torch.from_numpy(density)[..., 0].log(), rtol=1e-9, atol=1e-9
    )
    total, _ = integrate.quad(
        lambda a: mixture.log_prob(torch.tensor([[[a]]], dtype=F64)).exp().item(),
        0.4 - math.pi,
        0.4 + math.pi,
        points=[0.4 - 0.01, 0.4, 0.4 + 0.01],
        limit=500,
    )
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kappa", [1e-3, 2.0, 500.0, 1e6])
def test_von_mises_samples_follow_the_density(kappa):
    mixture = VonMisesUniform(
        torch.tensor([[2.0]], dtype=F64), torch.tensor([[kappa]], dtype=F64), uniform_share=1e-9
    )
    angle = mixture.sample(4000, torch.Generator().manual_seed(0))[:, 0, 0]
    assert angle.min() >= -math.pi and angle.max() < math.pi
    offset = (angle - 2.0 + math.pi) % (2 * math.pi) - math.pi
    assert stats.kstest(offset.numpy(), stats.vonmises(kappa).cdf).pvalue > 1e-3


def test_uniform_share():
    mixture = VonMisesUniform(torch.zeros(1, 1), torch.full((1, 1), 1e6))
    angle = mixture.sample(10000, torch.Generator().manual_seed(0))
    assert (angle.abs() > 0.1).float().mean() == pytest.approx(0.25, abs=0.02)


def test_multivariate_t_agrees_with_scipy():
    loc = torch.randn(2, 3, dtype=F64)
    tril = torch.eye(3, dtype=F64) + torch.randn(2, 3, 3, dtype=F64).tril(-1)
    dist = MultivariateT(loc, tril)
    value = dist.sample(20000, torch.Generator().manual_seed(0))
    for b in range(2):
        shape = (tril[b] @ tril[b].mT).numpy()
        reference = stats.multivariate_t(loc[b].numpy(), shape, df=3)
        assert_close(
            dist.log_prob(value)[:50, b], torch.from_numpy(reference.logpdf(value[:50, b]))
        )
        white = torch.linalg.solve_triangular(tril[b], (value[:, b] - loc[b]).mT, upper=False)
        for axis in white:  # the marginals of a standard t are t
            assert stats.kstest(axis.numpy(), stats.t(3).cdf).pvalue > 1e-3


def test_scale_factor_never_fails():
    good = torch.tensor([[4.0, 1.0], [1.0, 3.0]])
    bad = torch.stack((good, -good, torch.full((2, 2), torch.nan), torch.zeros(2, 2)))
    factor = scale_factor(bad)
    assert_close(factor[0] @ factor[0].mT, good)
    assert torch.equal(factor[1:], torch.eye(2).expand(3, 2, 2))
    assert torch.equal(scale_factor(bad, 2 * factor)[1], 2 * torch.eye(2))


def sphere_points(num: int) -> torch.Tensor:
    normal = torch.randn(num, 1, 4, dtype=F64, generator=torch.Generator().manual_seed(3))
    return normal / normal.norm(dim=-1, keepdim=True)


def test_angular_central_gaussian_integrates_to_one():
    dist = AngularCentralGaussian(torch.diag(torch.tensor([1.0, 0.5, 0.7, 2.0], dtype=F64))[None])
    density = dist.log_prob(sphere_points(400_000)).exp() * 2 * math.pi**2
    assert density.mean().item() == pytest.approx(1, abs=4 * density.std().item() / 400_000**0.5)
    uniform = AngularCentralGaussian(3 * torch.eye(4, dtype=F64)[None])
    expected = torch.full((7, 1), -math.log(2 * math.pi**2), dtype=F64)
    assert_close(uniform.log_prob(sphere_points(7)), expected)


def test_angular_central_gaussian_samples_follow_the_density():
    tril = torch.tensor(
        [[1.0, 0, 0, 0], [0.4, 0.5, 0, 0], [0, 0.2, 0.7, 0], [0.3, 0, 0.1, 2]], dtype=F64
    )
    dist = AngularCentralGaussian(tril[None])
    drawn = dist.sample(200_000, torch.Generator().manual_seed(0))[:, 0]
    grid = sphere_points(400_000)
    weight = dist.log_prob(grid)[:, 0].exp() * 2 * math.pi**2
    by_density = torch.einsum("k,ki,kj->ij", weight / len(grid), grid[:, 0], grid[:, 0])
    assert_close(drawn.norm(dim=-1), torch.ones(200_000, dtype=F64))
    assert_close(drawn.mT @ drawn / len(drawn), by_density, rtol=0, atol=0.01)


def test_angular_central_gaussian_at_a_mode_is_a_cauchy_distribution_in_the_chart():
    mode = sphere_points(1)[0]
    half = 0.1 * torch.randn(3, 3, dtype=F64)
    covariance = (half @ half.mT + 1e-3 * torch.eye(3, dtype=F64))[None]
    d = torch.randn(20, 1, 3, dtype=F64)
    pose = torch.cat((torch.zeros(1, 3, dtype=F64), mode), dim=-1)
    quaternion, log_volume = QuaternionPose.chart(pose, d)
    log_prob = AngularCentralGaussian.from_mode(mode, covariance).log_prob(quaternion)
    cauchy = stats.multivariate_t(shape=CAUCHY_SCALE * covariance[0].numpy(), df=1)
    assert_close(log_prob + log_volume, torch.from_numpy(cauchy.logpdf(d[:, 0]))[:, None])


def test_cauchy_scale_is_the_likeliest():
    chi_square = stats.chi2(3)
    left, _ = integrate.quad(
        lambda x: CAUCHY_SCALE / (CAUCHY_SCALE + x) * chi_square.pdf(x), 0, torch.inf
    )
    assert left == pytest.approx(0.25, abs=1e-4)


def test_angular_central_gaussian_is_fitted_to_its_own_samples():
    tril = torch.diag_embed(torch.tensor([[1.0, 0.1, 0.2, 0.5], [1, 1, 1, 0.3]], dtype=F64))
    samples = AngularCentralGaussian(tril).sample(20000, torch.Generator().manual_seed(0))
    fitted = AngularCentralGaussian(0.8 * tril + 0.2 * torch.eye(4, dtype=F64))
    for _ in range(5):
        fitted = fitted.adapted(samples, torch.full((20000, 2), 1 / 20000, dtype=F64))
    scale = fitted.scale_tril @ fitted.scale_tril.mT
    scale = scale / scale[:, :1, :1]
    assert_close(scale, tril @ tril.mT, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_adapted_recovers_weighted_moments(dtype):
    samples = torch.randn(5000, 2, 4, dtype=dtype) * torch.tensor([1, 2, 3, 0.1]) + 1
    samples = samples.to(dtype)
    weights = torch.full((5000, 2), 1 / 5000, dtype=dtype)
    start = MultivariateT.from_mode(samples[0, :, :3], torch.eye(3, dtype=dtype).repeat(2, 1, 1))
    translation = start.adapted(samples[..., :3], weights)
    scale = translation.scale_tril.diagonal(dim1=-2, dim2=-1)
    assert_close(scale, torch.tensor([[1.0, 2, 3]], dtype=dtype).expand(2, 3), rtol=0.05, atol=0)
    start = VonMisesUniform.from_mode(samples[0, :, 3:], torch.ones(2, 1, 1, dtype=dtype))
    yaw = start.adapted(samples[..., 3:], weights)
    assert_close(yaw.loc, torch.ones(2, 1, dtype=dtype), rtol=0, atol=0.01)
    assert_close(yaw.kappa, torch.full((2, 1), 33.0, dtype=dtype), rtol=0.1, atol=0)
    assert yaw.sample(7).shape == (7, 2, 1) and yaw.sample(7).dtype == dtype


def test_one_dominant_sample_leaves_proper_distributions():
    weights = torch.eye(8)[:, :1]
    vectors = torch.randn(8, 1, 3)
    start = MultivariateT.from_mode(vectors[0], torch.eye(3)[None])
    assert torch.equal(start.adapted(vectors, weights).scale_tril, start.scale_tril)
    yaw = VonMisesUniform(torch.zeros(1, 1), torch.ones(1, 1)).adapted(vectors[..., :1], weights)
    assert yaw.log_prob(yaw.sample(50)).isfinite().all()
    quaternions = sphere_points(8).float()
    rotation = AngularCentralGaussian(torch.eye(4)[None]).adapted(quaternions, weights)
    assert rotation.log_prob(rotation.sample(50)).isfinite().all()
