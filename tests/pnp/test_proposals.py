import math

import pytest
import torch
from scipy import integrate, stats
from torch.testing import assert_close

from epropnp_det.pnp.proposals import MultivariateT, VonMisesUniform, YawProposal, scale_factor

F64 = torch.float64


def test_golden_multivariate_t(golden_proposals):
    g = golden_proposals
    log_prob = MultivariateT(g["t_loc"], g["t_scale_tril"]).log_prob(g["t_value"])
    assert_close(log_prob, g["t_logprob"], rtol=1e-8, atol=1e-9)


def test_golden_von_mises_mixture(golden_proposals):
    g = golden_proposals
    mixture = VonMisesUniform(g["vm_loc"][:, 0], g["vm_kappa"][:, 0])
    # The reference takes the Bessel function from a polynomial that is good to seven digits; ours
    # is compared with an exact one below.
    expected = g["vm_logprob"][..., 0]
    assert_close(mixture.log_prob(g["vm_value"][..., 0]), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kappa", [1e-3, 0.5, 30.0, 1e4, 1e6])
def test_von_mises_mixture_agrees_with_scipy(kappa):
    angle = torch.linspace(-3.1, 3.1, 50, dtype=F64)[:, None]
    mixture = VonMisesUniform(torch.tensor([0.4], dtype=F64), torch.tensor([kappa], dtype=F64))
    density = 0.75 * stats.vonmises.pdf(angle.numpy(), kappa, loc=0.4) + 0.25 / (2 * math.pi)
    assert_close(mixture.log_prob(angle), torch.from_numpy(density).log(), rtol=1e-9, atol=1e-9)
    total, _ = integrate.quad(
        lambda a: mixture.log_prob(torch.tensor([[a]], dtype=F64)).exp().item(),
        0.4 - math.pi,
        0.4 + math.pi,
        points=[0.4 - 0.01, 0.4, 0.4 + 0.01],
        limit=500,
    )
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kappa", [1e-3, 2.0, 500.0, 1e6])
def test_von_mises_samples_follow_the_density(kappa):
    mixture = VonMisesUniform(
        torch.tensor([2.0], dtype=F64), torch.tensor([kappa], dtype=F64), uniform_share=1e-9
    )
    angle = mixture.sample(4000, torch.Generator().manual_seed(0))[:, 0]
    assert angle.min() >= -math.pi and angle.max() < math.pi
    offset = (angle - 2.0 + math.pi) % (2 * math.pi) - math.pi
    assert stats.kstest(offset.numpy(), stats.vonmises(kappa).cdf).pvalue > 1e-3


def test_uniform_share():
    mixture = VonMisesUniform(torch.zeros(1), torch.full((1,), 1e6))
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


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_adapted_recovers_weighted_moments(dtype):
    samples = torch.randn(5000, 2, 4, dtype=dtype) * torch.tensor([1, 2, 3, 0.1]) + 1
    samples = samples.to(dtype)
    start = YawProposal.from_mode(samples[0], torch.eye(4, dtype=dtype).repeat(2, 1, 1))
    weights = torch.full((5000, 2), 1 / 5000, dtype=dtype)
    proposal = start.adapted(samples, weights)
    scale = proposal.translation.scale_tril.diagonal(dim1=-2, dim2=-1)
    assert_close(scale, torch.tensor([[1.0, 2, 3]], dtype=dtype).expand(2, 3), rtol=0.05, atol=0)
    assert_close(proposal.yaw.loc, torch.ones(2, dtype=dtype), rtol=0, atol=0.01)
    assert_close(proposal.yaw.kappa, torch.full((2,), 33.0, dtype=dtype), rtol=0.1, atol=0)
    draws = proposal.sample(7)
    assert draws.shape == (7, 2, 4) and draws.dtype == dtype
    assert proposal.log_prob(draws).shape == (7, 2)


def test_one_dominant_sample_leaves_a_proper_proposal():
    samples = torch.randn(8, 1, 4)
    start = YawProposal.from_mode(samples[0], torch.eye(4)[None])
    weights = torch.eye(8)[:, :1]
    proposal = start.adapted(samples, weights)
    assert proposal.log_prob(proposal.sample(50)).isfinite().all()
    assert torch.equal(proposal.translation.scale_tril, start.translation.scale_tril)


def test_empty_batch():
    proposal = YawProposal.from_mode(torch.empty(0, 4), torch.empty(0, 4, 4))
    draws = proposal.sample(3)
    assert draws.shape == (3, 0, 4) and proposal.log_prob(draws).shape == (3, 0)
