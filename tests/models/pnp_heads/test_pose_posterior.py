import math

import pytest
import torch

from epropnp_det.models.pnp_heads.pose_posterior import YAW_BINS, posterior_fields, yaw_density
from epropnp_det.pnp import Posterior

WIDTH = 2 * math.pi / YAW_BINS


def posterior(yaw: torch.Tensor, log_weights: torch.Tensor) -> Posterior:
    """``yaw`` and ``log_weights`` are (K, M)."""
    samples = torch.randn(*yaw.shape, 4, dtype=yaw.dtype)
    samples[..., 3] = yaw
    num = yaw.shape[1]
    return Posterior(
        mode=torch.zeros(num, 4, dtype=yaw.dtype),
        covariance=torch.rand(num, 4, 4, dtype=yaw.dtype),
        samples=samples,
        log_weights=log_weights,
        cost_gt=None,
        valid=torch.ones(num, dtype=torch.bool),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_density_sample_by_sample(dtype):
    yaw, log_weights = 9 * torch.randn(50, 3, dtype=dtype), torch.randn(50, 3, dtype=dtype)
    density = yaw_density(posterior(yaw, log_weights))
    expected = torch.zeros(3, YAW_BINS, dtype=dtype)
    for i in range(3):
        for k in range(50):
            angle = math.atan2(math.sin(yaw[k, i]), math.cos(yaw[k, i]))
            share = log_weights[k, i].exp() / log_weights[:, i].exp().sum()
            expected[i, int((angle + math.pi) / WIDTH)] += share / WIDTH
    torch.testing.assert_close(density, expected)
    torch.testing.assert_close((density * WIDTH).sum(1), torch.ones(3, dtype=dtype))


def test_ends_of_the_circle():
    yaw = torch.tensor([[-math.pi, math.pi - 1e-6, 0.001, -1e-9]])
    (density,) = yaw_density(posterior(yaw[:, :1], torch.zeros(1, 1)))
    assert density.argmax() in (0, YAW_BINS - 1)
    bins = yaw_density(posterior(yaw, torch.zeros(1, 4))).argmax(1)
    assert bins[1] in (0, YAW_BINS - 1)
    assert bins[2:].tolist() in ([YAW_BINS // 2] * 2, [YAW_BINS // 2, YAW_BINS // 2 - 1])


def test_density_of_known_samples():
    """A posterior of normal yaws gives the normal density."""
    yaw = 0.3 * torch.randn(100_000, 1, dtype=torch.float64) + 1
    (density,) = yaw_density(posterior(yaw, torch.zeros(100_000, 1, dtype=torch.float64)))
    centers = (torch.arange(YAW_BINS) + 0.5) * WIDTH - math.pi
    normal = torch.distributions.Normal(1.0, 0.3).log_prob(centers).exp().double()
    torch.testing.assert_close(density, normal, atol=0.05, rtol=0)


def test_fields_have_one_entry_an_object():
    given = posterior(torch.randn(6, 2), torch.randn(6, 2))
    fields = posterior_fields(given)
    assert {name: tuple(x.shape) for name, x in fields.items()} == dict(
        pose_samples=(2, 6, 4),
        pose_log_weights=(2, 6),
        pose_covariance=(2, 4, 4),
        yaw_density=(2, YAW_BINS),
    )
    torch.testing.assert_close(fields["pose_log_weights"].exp().sum(1), torch.ones(2))
    assert torch.equal(fields["pose_samples"][1], given.samples[:, 1])
    assert all(len(x) == 0 for x in posterior_fields(given[torch.zeros(2).bool()]).values())
