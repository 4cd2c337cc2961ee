"""Problems of matches that nobody weighted."""

import pytest
import torch

from epropnp_det.pnp import CauchyCost, HuberCost, PerspectiveCamera, PnPProblem, RandomSampleSolver
from epropnp_det.pnp.pose import rotate


def matches(share, noise=1.0, batch=16, num_points=60, dtype=torch.float32):
    """Matches of small objects of which a share is anywhere about the object, and true poses."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.rand(*shape, generator=generator, dtype=dtype)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    x3d = 0.3 * (draw(batch, num_points, 3) - 0.5)
    rotation = torch.nn.functional.normalize(normal(batch, 4), dim=-1)
    translation = torch.cat((0.4 * draw(batch, 2) - 0.2, 1.5 + draw(batch, 1)), dim=-1)
    cam_mats = torch.tensor([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]], dtype=dtype)
    camera = PerspectiveCamera(cam_mats.expand(batch, 3, 3))
    pose = torch.cat((translation, rotation), dim=-1)
    x2d = camera.project(rotate(pose, x3d) + translation[:, None])
    x2d = x2d + noise * normal(batch, num_points, 2)
    low, high = x2d.amin(1, keepdim=True), x2d.amax(1, keepdim=True)
    anywhere = low + (high - low) * draw(batch, num_points, 2)
    wrong = draw(batch, num_points, 1) < share
    return x3d, torch.where(wrong, anywhere, x2d), camera, pose


def position_error(problem, pose):
    return (RandomSampleSolver(dof=6)(problem).pose[:, :3] - pose[:, :3]).norm(dim=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forty_per_cent_of_wrong_matches(dtype):
    x3d, x2d, camera, pose = matches(0.4, dtype=dtype)
    found = position_error(PnPProblem.from_matches(x3d, x2d, camera, 1.0), pose)
    assert found.median() < 0.015  # 1.5 m and more away
    # What is for learnt weights does not stand them.
    adaptive = PnPProblem(x3d, x2d, None, camera, HuberCost.adaptive(x2d))
    assert position_error(adaptive, pose).median() > 0.1


def test_the_covariance_is_that_of_the_noise():
    x3d, x2d, camera, _ = matches(0.0)
    solve = RandomSampleSolver(dof=6)
    one, two = (solve(PnPProblem.from_matches(x3d, x2d, camera, n)) for n in (1.0, 2.0))
    ratio = two.covariance.diagonal(dim1=1, dim2=2) / one.covariance.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(ratio.median(), torch.tensor(4.0), rtol=0.2, atol=0)


def test_what_it_is_made_of():
    x3d, x2d, camera, pose = matches(0.2)
    problem = PnPProblem.from_matches(x3d, x2d, camera, 2.0)
    plain = PnPProblem(x3d, x2d, torch.full_like(x2d, 0.5), camera, CauchyCost(2.0))
    torch.testing.assert_close(problem.cost(pose), plain.cost(pose), rtol=0, atol=0)
    nothing = PerspectiveCamera(camera.cam_mats[:0])
    assert len(PnPProblem.from_matches(x3d[:0], x2d[:0], nothing, 1.0)) == 0


@pytest.mark.parametrize("noise", [0.0, -1.0, float("nan")])
def test_noise_that_is_none(noise):
    x3d, x2d, camera, _ = matches(0.0, batch=1)
    with pytest.raises(ValueError, match="give the deviation of right matches in pixels"):
        PnPProblem.from_matches(x3d, x2d, camera, noise)
