import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp.joint_t import joint_t
from epropnp_det.pnp.modes import Modes
from epropnp_det.pnp.pose import pose_type_of, rotation_matrix
from epropnp_det.pnp.t_proposals import (
    DefensiveProposal,
    Frame,
    TProposal,
    _divided,
    _half_turns,
)

F64 = torch.float64


@pytest.fixture(params=[4, 6])
def mode(request) -> torch.Tensor:
    rng = torch.Generator().manual_seed(request.param)
    pose = torch.randn(3, request.param + request.param // 6, generator=rng, dtype=F64)
    return pose_type_of(pose).normalised(pose)


@pytest.fixture
def covariance(mode) -> torch.Tensor:
    dof = pose_type_of(mode).dof
    factor = 0.2 * torch.randn(3, dof, dof, generator=torch.Generator().manual_seed(1), dtype=F64)
    return factor @ factor.mT + 0.01 * torch.eye(dof, dtype=F64)


def standard_t(dof: int, num: int, batch: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    normal = torch.randn(batch, dof, num, generator=rng, dtype=F64)
    chi_square = torch.randn(batch, 6, num, generator=rng, dtype=F64).square().sum(1, keepdim=True)
    return normal * (6 / chi_square).sqrt()


def first_t(mode, covariance) -> TProposal:
    return TProposal.first(Frame.at(mode, covariance))


def test_half_turns_are_half_turns_of_the_object(mode):
    kind = pose_type_of(mode)
    d = torch.randn(3, kind.dof - 3, 5, dtype=F64)
    turns = _half_turns(mode)
    turned, log_volume = _divided(turns[..., 1:] @ d[:, None] + turns[..., :1])

    def decode(d):
        rotation, log_measure = kind.chart(mode, d.permute(2, 0, 1))
        pose = torch.cat((torch.zeros(*rotation.shape[:-1], 3, dtype=F64), rotation), dim=-1)
        return rotation_matrix(pose), log_measure

    matrix, log_measure = decode(d)
    axes = [1] if kind.dof == 4 else [0, 1, 2]
    assert turned.shape[1] == len(axes)
    for h, axis in enumerate(axes):
        half_turn = -torch.eye(3, dtype=F64)
        half_turn[axis, axis] = 1
        turned_matrix, turned_measure = decode(turned[:, h])
        assert_close(turned_matrix, matrix @ half_turn)
        assert_close(log_measure - turned_measure, log_volume[:, h].mT)


def test_samples_follow_the_densities(mode, covariance):
    """Two densities, each integrated over samples of both: neither ratio exceeds two."""
    num, dof = 40_000, covariance.shape[-1]
    local = first_t(mode, covariance)
    defensive = DefensiveProposal.of(local.frame)
    uniform = torch.rand(
        3, dof - 3, num // 2, dtype=F64, generator=torch.Generator().manual_seed(2)
    )
    noise = standard_t(dof, num, 3)
    draws = [local.sample(noise), defensive.sample(noise.flip(2), uniform)]
    log_probs = [[p.log_prob(d) for d in draws] for p in (local, defensive)]
    mixture = [torch.logaddexp(*rows) for rows in zip(*log_probs, strict=True)]
    for rows in log_probs:
        ratios = torch.cat([2 * (q - m).exp() for q, m in zip(rows, mixture, strict=True)], dim=1)
        error = ratios.std(1) / ratios.shape[1] ** 0.5
        assert ((ratios.mean(1) - 1).abs() < 4 * error).all()


def test_frame_is_that_of_the_covariance(mode, covariance):
    small = 1e-4 * covariance
    frame = Frame.at(mode, small)
    factor, inverse = frame.factor, frame.inverse
    assert_close(factor @ factor.mT, small, rtol=1e-3, atol=1e-8)
    assert_close(factor @ inverse, torch.eye(factor.shape[-1], dtype=F64).expand_as(factor))
    factor = Frame.at(mode, 1e6 * covariance).factor
    rotation = (factor @ factor.mT)[:, 3:, 3:]
    assert (torch.linalg.eigvalsh(rotation) <= 1 + 1e-6).all()  # no wider than a uniform one


def test_adapts_to_what_the_samples_teach(mode, covariance):
    start = first_t(mode, covariance)
    dof = covariance.shape[-1]
    draws = start.sample(standard_t(dof, 20_000, 3))
    centre = 0.5
    log_target = -0.5 * ((draws.coordinates - centre) / 0.7).square().sum(1)
    log_prob = start.log_prob(draws)
    adapted = start
    for _ in range(10):
        log_prob = adapted.log_prob(draws)
        # As if all samples were the adapted proposal's: its share of the density is one.
        adapted = adapted.adapted(
            draws, log_target + log_prob - start.log_prob(draws), log_prob, log_prob
        )
    assert_close(adapted.loc[..., 0], torch.full((3, dof), centre, dtype=F64), rtol=0, atol=0.06)
    spread = adapted.factor.diagonal(dim1=1, dim2=2)
    # A t is narrower than its normal; and the first scale still counts.
    assert (spread > 0.55).all() and (spread < 0.77).all()


def test_outliers_have_bounded_influence(mode, covariance):
    start = first_t(mode, covariance)
    dof = covariance.shape[-1]
    noise = standard_t(dof, 64, 3)
    noise[..., 0] = 1e6
    draws = start.sample(noise)
    flat = start.log_prob(draws)
    adapted = start.adapted(draws, flat, flat, flat)
    assert adapted.factor.abs().max() < 6 + dof


def test_flat_posterior_of_an_undetermined_rotation(mode):
    """A covariance that says 'any rotation' and a cost that says it too."""
    dof = pose_type_of(mode).dof
    covariance = torch.eye(dof, dtype=F64).repeat(3, 1, 1)
    covariance[:, 3:, 3:] *= 1e5

    def cost(pose):
        return 0.5 * (pose[..., :3] - mode[:, :3]).square().sum(-1)

    modes = Modes.single(mode, covariance)
    _, cost, log_density = joint_t(cost, modes, 4096, 4, torch.Generator().manual_seed(0))
    log_weights = -cost - log_density
    log_evidence = log_weights.logsumexp(0) - torch.tensor(4096.0).log()
    exact = 1.5 * torch.tensor(2 * torch.pi).log() + pose_type_of(mode).log_rotations
    assert_close(log_evidence, exact.expand(3).double(), rtol=0, atol=0.05)
    effective = (2 * log_weights.logsumexp(0) - (2 * log_weights).logsumexp(0)).exp()
    assert (effective > 0.2 * 4096).all()
