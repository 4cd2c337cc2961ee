import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp.pose import finite_poses, pose_type, pose_type_of, rotate, rotation_matrix

Rotation = pytest.importorskip("scipy.spatial.transform").Rotation
kstest = pytest.importorskip("scipy.stats").kstest


def random_poses(dof, *shape, dtype=torch.float64):
    kind = pose_type(dof)
    rotation = kind.uniform_rotation(torch.rand(*shape, dof - 3, dtype=dtype))
    return torch.cat((torch.randn(*shape, 3, dtype=dtype), rotation), dim=-1)


def scipy_rotation(pose) -> Rotation:
    """The same rotations by another library, which has the real part last."""
    if pose.shape[-1] == 4:
        return Rotation.from_euler("y", pose[:, 3:].numpy())
    return Rotation.from_quat(pose[:, [4, 5, 6, 3]].numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rotation_agrees_with_scipy(dof, dtype):
    pose, x3d = random_poses(dof, 3, dtype=dtype), torch.randn(3, 5, 3, dtype=dtype)
    rotated = rotate(pose, x3d)
    assert rotated.dtype == dtype
    for b, rotation in enumerate(scipy_rotation(pose)):
        assert_close(rotated[b], torch.from_numpy(rotation.apply(x3d[b].numpy())).to(dtype))


def test_poses_broadcast_over_samples(dof):
    pose, x3d = random_poses(dof, 2, 3), torch.randn(3, 5, 3, dtype=torch.float64)
    together = rotate(pose, x3d)
    assert together.shape == (2, 3, 5, 3)
    assert_close(together[1], rotate(pose[1], x3d))
    assert rotate(pose[:, :0], x3d[:0]).shape == (2, 0, 5, 3)


def test_planes_turn_there_and_back(dof):
    pose, x3d = random_poses(dof, 3), torch.randn(3, 5, 3, dtype=torch.float64)
    matrix = rotation_matrix(pose).permute(1, 2, 0)[..., None]
    planes = pose_type(dof).rotated(matrix, list(x3d.unbind(-1)))
    assert_close(torch.stack(planes, dim=-1), rotate(pose, x3d))
    back = pose_type(dof).rotated(matrix.transpose(0, 1), planes)
    assert_close(torch.stack(back, dim=-1), x3d)


def test_rotation_gradient_agrees_with_autograd(dof):
    """Of any function of R x: here a linear one."""
    kind, pose = pose_type(dof), random_poses(dof, 1)
    x3d, slope = torch.randn(1, 5, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    step = torch.zeros(1, dof, dtype=torch.float64)
    dense = torch.autograd.functional.jacobian(
        lambda step: rotate(kind.retract(pose, step), x3d)[0] @ slope, step
    )
    columns = kind.rotation_gradient(list(slope), list(rotate(pose, x3d)[0].unbind(-1)))
    assert_close(torch.stack(columns, dim=-1), dense[:, 0, 3:])


def test_step_is_differentiable_and_stays_a_pose(dof):
    kind, pose = pose_type(dof), random_poses(dof, 4)
    step = torch.randn(4, dof, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda step: kind.retract(pose, step), step)
    moved = kind.retract(pose, step)
    assert_close(kind.normalised(moved), moved)
    assert_close(kind.retract(pose, torch.zeros_like(step)), pose)


def test_chart_is_inverted_and_begins_as_a_step(dof):
    kind, mode = pose_type(dof), random_poses(dof, 3)
    d = torch.randn(7, 3, dof - 3, dtype=torch.float64)
    rotation, _ = kind.chart(mode, d)
    assert_close(kind.chart_inverse(mode, rotation), d)
    if dof == 6:  # -q is the same rotation
        assert_close(kind.chart_inverse(mode, -rotation), d)
    small = 1e-6 * d[0]
    step = torch.cat((torch.zeros_like(small).repeat(1, 3)[:, :3], small), dim=-1)
    assert_close(kind.chart(mode, small)[0], kind.retract(mode, step)[:, 3:], atol=1e-11, rtol=0)


def test_chart_volume_agrees_with_autograd(dof):
    """The measure of the surface on which rotations lie, from the chart's own derivatives."""
    kind, mode = pose_type(dof), random_poses(dof, 1)
    d = torch.randn(1, dof - 3, dtype=torch.float64)
    _, log_volume = kind.chart(mode, d)
    dense = torch.autograd.functional.jacobian(lambda d: kind.chart(mode, d)[0], d)[0, :, 0]
    both_signs = math.log(2) if dof == 6 else 0.0
    assert_close(log_volume[0], 0.5 * (dense.mT @ dense).logdet() + both_signs)


def test_uniform_rotation_is_uniform(dof):
    pose = random_poses(dof, 4000)
    if dof == 4:
        assert kstest(pose[:, 3].numpy() / (2 * math.pi) + 0.5, "uniform").pvalue > 1e-3
        return
    assert_close(pose[:, 3:].norm(dim=-1), torch.ones(4000, dtype=torch.float64))
    # A uniformly rotated vector has uniform coordinates (Archimedes).
    turned = rotate(pose, torch.eye(3, dtype=torch.float64)[None].expand(4000, 3, 3))
    for coordinate in turned.flatten(1).T:
        assert kstest(coordinate.numpy() / 2 + 0.5, "uniform").pvalue > 1e-3


def test_measure_of_all_rotations(dof):
    measure = {4: 2 * math.pi, 6: 2 * math.pi**2}[dof]
    assert math.isclose(pose_type(dof).log_rotations, math.log(measure))


def test_depth_guess_of_a_flat_upright_object():
    x3d = torch.zeros(3, 1, 9, 2, dtype=torch.float64)
    x3d[1] = torch.linspace(-1, 1, 9)[:, None]
    bearings = (x3d[:2] + 0.2) / 12.0
    expected = torch.full((1, 2), 12.0, dtype=torch.float64)
    assert_close(pose_type(4).guess_depth(x3d, bearings), expected)


def test_depth_guess_of_a_ball():
    """As large from every side, so that the guess for any rotation is right."""
    points = torch.randn(20000, 3, dtype=torch.float64).T[:, None, :, None]
    guess = pose_type(6).guess_depth(points, points[:2] / 12.0)
    assert_close(guess.item(), 12.0, rtol=0.02, atol=0)


def test_poses_that_are_no_poses_are_replaced(dof):
    pose = random_poses(dof, 4)
    pose[1, 1], pose[2, -1] = torch.nan, torch.inf
    if dof == 6:
        pose[3, 3:] = 0  # no rotation
    safe, sound = finite_poses(pose)
    assert sound.tolist() == [True, False, False, dof == 4]
    assert_close(safe[0], pose[0])
    nominal = [0.0, 0, 1, 0] if dof == 4 else [0.0, 0, 1, 1, 0, 0, 0]
    assert all(pose == nominal for pose in safe[~sound].tolist())


def test_quaternions_are_made_unit():
    pose = torch.tensor([[1.0, 2, 3, 0, 0, 5, 0]])
    assert finite_poses(pose)[0].tolist() == [[1, 2, 3, 0, 0, 1, 0]]


def test_other_pose_types_are_refused():
    with pytest.raises(ValueError, match="dof must be 4"):
        pose_type(5)
    for shape in ((2, 5), (4,)):
        with pytest.raises(ValueError, match="pose must have shape"):
            pose_type_of(torch.ones(shape))
