import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp.pose import YawPose, finite_poses, pose_type, pose_type_of


def test_rotation_is_about_the_cameras_y_axis():
    yaw = torch.tensor([0.3, -2.0], dtype=torch.float64)
    pose = torch.stack((*torch.zeros(3, 2, dtype=torch.float64), yaw), dim=-1)
    x3d = torch.randn(2, 5, 3, dtype=torch.float64)
    for i in range(2):
        c, s = yaw[i].cos(), yaw[i].sin()
        matrix = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]], dtype=torch.float64)
        assert_close(YawPose.rotate(pose, x3d)[i], x3d[i] @ matrix.mT)


def test_rotation_tangent_agrees_with_autograd():
    x3d = torch.randn(1, 5, 3, dtype=torch.float64)
    pose = torch.randn(1, 4, dtype=torch.float64)
    zero = torch.zeros(1, 4, dtype=torch.float64)
    dense = torch.autograd.functional.jacobian(
        lambda step: YawPose.rotate(YawPose.retract(pose, step), x3d)[0], zero
    )
    (tangent,) = YawPose.rotation_tangents(YawPose.rotate(pose, x3d))
    assert_close(tangent[0], dense[..., 0, 3])


def test_random_rotation_covers_the_circle_and_repeats():
    like = torch.ones(1000, 3)
    one, same = (
        YawPose.random_rotation(like, torch.Generator().manual_seed(seed)) for seed in (3, 3)
    )
    assert torch.equal(one, same) and torch.equal(one[:, :3], like)
    counts = torch.histc(one[:, 3], 4, -math.pi, math.pi)
    assert counts.sum() == 1000 and counts.min() > 200


def test_depth_guess_is_exact_for_a_flat_upright_object():
    x3d = torch.zeros(1, 9, 3, dtype=torch.float64)
    x3d[..., 1] = torch.linspace(-1, 1, 9)
    bearings = (x3d[..., :2] + 0.2) / 12.0
    assert_close(YawPose.guess_depth(x3d, bearings), torch.tensor([12.0], dtype=torch.float64))


def test_poses_that_are_not_finite_are_replaced():
    pose = torch.tensor([[1.0, 2, 3, 4], [1, torch.nan, 3, 4]])
    safe, finite = finite_poses(pose)
    assert finite.tolist() == [True, False]
    assert torch.equal(safe[0], pose[0]) and safe[1].tolist() == [0, 0, 1, 0]


def test_other_pose_types_are_refused():
    with pytest.raises(ValueError, match="dof must be 4"):
        pose_type(6)
    with pytest.raises(ValueError, match="pose must have shape"):
        pose_type_of(torch.ones(2, 7))
