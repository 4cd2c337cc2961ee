import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp.amis import IndependentProposal
from epropnp_det.pnp.proposals import AngularCentralGaussian, MultivariateT, VonMisesUniform

F64 = torch.float64


def proposal(dof: int) -> IndependentProposal:
    translation = MultivariateT(
        torch.ones(2, 3, dtype=F64), torch.eye(3, dtype=F64).repeat(2, 1, 1)
    )
    rotation = VonMisesUniform(torch.zeros(2, 1, dtype=F64), torch.ones(2, 1, dtype=F64))
    if dof == 6:
        rotation = AngularCentralGaussian(torch.eye(4, dtype=F64).repeat(2, 1, 1))
    return IndependentProposal(translation, rotation, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dof", [4, 6])
def test_density_is_the_product_of_both(dof):
    dist = proposal(dof)
    draws = dist.sample(50)
    assert draws.pose.shape == (2, dof + dof // 6, 50) and draws.coordinates.numel() == 0
    pose = draws.pose.permute(2, 0, 1)
    expected = dist.translation.log_prob(pose[..., :3]) + dist.rotation.log_prob(pose[..., 3:])
    assert_close(dist.log_prob(draws), expected.mT)


def test_adapts_to_the_weights():
    dist = proposal(6)
    draws = dist.sample(20000)
    log_density = dist.log_prob(draws)
    log_target = -0.5 * (draws.pose[:, :3] / 0.5).square().sum(1)
    log_target = log_target + 8 * draws.pose[:, 3].square()  # near the identity
    adapted = dist.adapted(draws, log_target, log_density, log_density, 1)
    assert_close(adapted.translation.loc, torch.zeros(2, 3, dtype=F64), rtol=0, atol=0.1)
    scale = adapted.rotation.scale_tril @ adapted.rotation.scale_tril.mT
    assert (scale[:, 0, 0] > 3 * scale[:, 1, 1]).all()
    pose = torch.tensor([0.0, 0, 0, 1, 0, 0, 0], dtype=F64).repeat(2, 1)[..., None]
    same = draws._replace(pose=pose)
    assert (adapted.log_prob(same) > dist.log_prob(same)).all()
