import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp.look_alikes import finalists, look_alikes, mirrored, with_mirror_image
from epropnp_det.pnp.modes import Modes
from epropnp_det.pnp.planes import normals
from epropnp_det.pnp.pose import QuaternionPose, YawPose, rotate, rotation_matrix

F64 = torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_normals_of_flat_points(dtype):
    rng = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(5, 3, 3, generator=rng, dtype=dtype))
    flat = torch.randn(5, 30, 3, generator=rng, dtype=dtype) * torch.tensor([1, 2, 1e-3])
    points = (flat @ basis.mT).permute(2, 0, 1) + 7
    found = normals(points, torch.rand(5, 30, generator=rng, dtype=dtype))
    assert_close(
        (found * basis[..., 2]).sum(-1).abs(), torch.ones(5, dtype=dtype), atol=1e-4, rtol=0
    )
    assert_close(found.norm(dim=-1), torch.ones(5, dtype=dtype))


def test_points_without_weight_do_not_count():
    rng = torch.Generator().manual_seed(1)
    points = torch.randn(3, 1, 40, generator=rng, dtype=F64)
    weight = torch.ones(1, 40, dtype=F64)
    weight[:, 20:] = 0
    points[1, :, :20] = 0
    assert_close(normals(points, weight).abs()[0], torch.tensor([0.0, 1, 0]).double())


@pytest.mark.parametrize(
    "points", [torch.zeros(3, 2, 4), torch.zeros(3, 2, 0), torch.ones(3, 0, 4)]
)
def test_normals_of_no_plane_are_finite(points):
    assert normals(points, torch.zeros(points.shape[1:])).isfinite().all()


@pytest.mark.parametrize("kind", [YawPose, QuaternionPose])
def test_mirror_image_is_seen_alike_from_afar(kind):
    """By an independent way, H_v R H_n, and by the image of flat points from afar."""
    rng = torch.Generator().manual_seed(2)
    translation = torch.tensor([[30.0, 0, 100]]).double()
    if kind is YawPose:
        rotation, flat = torch.tensor([[0.7]]).double(), torch.tensor([1.0, 1, 0])
        normal = torch.tensor([[0.0, 0, 1]]).double()
    else:
        rotation = torch.nn.functional.normalize(torch.randn(1, 4, generator=rng, dtype=F64), dim=1)
        normal = torch.nn.functional.normalize(torch.tensor([[0.2, -0.5, 1]]).double(), dim=1)
        flat = torch.ones(3)
    points = torch.randn(1, 20, 3, generator=rng, dtype=F64) * flat
    points = points - (points @ normal[0])[..., None] * normal
    pose = torch.cat((translation, rotation), dim=1)
    image = mirrored(pose, normal)
    sight = torch.nn.functional.normalize(translation, dim=1)

    def reflection(v):
        return torch.eye(3, dtype=F64) - 2 * v[0, :, None] * v[0]

    expected = reflection(sight) @ rotation_matrix(pose)[0] @ reflection(normal)
    assert_close(rotation_matrix(image)[0], expected)
    seen = [(rotate(p, points) + p[:, None, :3]) for p in (pose, image)]
    across = [s / (s @ sight[0])[..., None] for s in seen]
    assert (across[0] - across[1]).abs().max() < 2e-3
    assert (seen[0] - seen[1]).abs().max() > 0.5
    assert_close(rotation_matrix(mirrored(image, normal)), rotation_matrix(pose))


def test_finalists_are_turned_apart():
    yaws = torch.tensor([0.0, 0.1, 0.05, 2.0, 2.1, -1.5])
    poses = torch.cat((torch.tensor([[0.0, 0, 10]]).repeat(6, 1), yaws[:, None]), dim=1)[None]
    cost = torch.tensor([[3.0, 2, 1, 5, 4, 6]])
    # The best of the three optima, and then what is left.
    assert_close(finalists(poses, cost, 5)[0, :, 3], torch.tensor([0.05, 2.1, -1.5, 0.1, 0.0]))
    assert finalists(poses, cost, 1).shape == (1, 1, 4)
    assert finalists(poses[:, :1], cost[:, :1], 4).shape == (1, 1, 4)
    assert finalists(poses[:0], cost[:0], 4).shape == (0, 4, 4)


@pytest.mark.parametrize("kind", [YawPose, QuaternionPose])
def test_half_turns_are_those_of_the_object(kind):
    dof, rng = kind.dof, torch.Generator().manual_seed(4)
    pose = kind.normalised(torch.randn(2, kind.dim, generator=rng, dtype=F64))
    normal = torch.tensor([[0.0, 0, 1]]).double().repeat(2, 1)
    others = look_alikes(pose, normal)
    assert torch.equal(others[:, 0], mirrored(pose, normal))
    half_turns = {4: [(1, pose, 1), (2, others[:, 0], 1)], 6: [(i + 1, pose, i) for i in range(3)]}
    for index, turned, axis in half_turns[dof]:
        about = -torch.eye(3, dtype=F64)
        about[axis, axis] = 1
        assert_close(rotation_matrix(others[:, index]), rotation_matrix(turned) @ about)
        assert torch.equal(others[:, index, :3], pose[:, :3])
    assert others.shape[1] == 1 + len(half_turns[dof])


def test_mirror_image_where_no_mode_is():
    mode = torch.tensor([[0.0, 0, 10, 0.5]]).double().repeat(3, 1)
    covariance = torch.diag(torch.tensor([0.01, 0.01, 1, 0.04])).double().repeat(3, 1, 1)
    covariance[:, 2, 3] = covariance[:, 3, 2] = 0.1
    image = mode.clone()
    image[:, 3] = torch.tensor([-0.5, 0.45, -0.5])  # elsewhere, at the mode, and elsewhere
    log_ratio = torch.tensor([math.log(0.25), 0, -20]).double()  # of which the last hardly counts
    places = with_mirror_image(Modes.single(mode, covariance), image, log_ratio)
    assert_close(places.mass, torch.tensor([[0.8, 0.2], [1, 0], [1, 0]]).double())
    assert torch.equal(places.pose[0, 1], image[0]) and torch.equal(places.pose[1, 1], mode[1])
    # Depth and yaw are both reversed.
    assert_close(places.covariance[0, 1], covariance[0])
    quaternion = torch.tensor([[0.0, 0, 10, 0.8, 0.6, 0, 0]]).double()
    spread = torch.eye(6).double()[None] * 0.01
    spread[:, 2, 3] = spread[:, 3, 2] = 0.005
    other = mirrored(quaternion, torch.tensor([[0.0, 0, 1]]).double())
    places = with_mirror_image(Modes.single(quaternion, spread), other, torch.zeros(1).double())
    # Depth is reversed, a turn about x is reversed too: -H_v is -1 there.
    assert_close(places.covariance[0, 1], spread[0])
