import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import CauchyCost, HuberCost, PnPProblem, kernels, newer_torch
from epropnp_det.pnp.layout import OBJECT_ROWS, Layout
from epropnp_det.pnp.pose import pose_type, rotate

ROWS_OF_TWO = Layout(lanes=2)


def transforms(pose, samples, kind):
    """The poses and others near them, (K, B, P)."""
    steps = 0.02 * torch.randn(samples, len(pose), kind.dof, dtype=pose.dtype)
    return kind.retract(pose.expand(samples, *pose.shape), steps)


def test_transform_is_rotation_and_translation(make_problem, dof):
    problem, pose = make_problem(batch=3, dof=dof)
    matrix = kernels.pack_transform(pose[None])[:, :, 0, 0].permute(2, 0, 1)
    moved = problem.x3d @ matrix[:, :, :3].mT + matrix[:, None, :, 3]
    assert_close(moved, rotate(pose, problem.x3d) + pose[:, None, :3])
    several = kernels.pack_transform(torch.stack((pose, pose + 0), dim=1))
    assert_close(several[:, :, :, 0, 1].permute(2, 0, 1), matrix)


@pytest.mark.parametrize("kind", [HuberCost, CauchyCost])
def test_cost_gradient_agrees_with_autograd(make_problem, make_camera, dof, kind):
    problem, pose = make_problem(batch=3, num_points=6, noise=8.0, dof=dof, make_camera=make_camera)
    problem.x2d[0, 0] += 900  # far beyond the parabola
    poses = transforms(pose, 4, pose_type(dof))
    leaves = [problem.x3d, problem.x2d, problem.w2d, problem.robust_cost.delta]
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    problem = PnPProblem(*leaves[:3], problem.camera, kind(leaves[3]))
    upstream = torch.randn(4, 3, dtype=pose.dtype)
    expected = torch.autograd.grad((problem.cost(poses) * upstream).sum(), leaves)
    ours = kernels.cost_gradient(
        pose_type(dof),
        problem.detach().pack(OBJECT_ROWS),
        kernels.pack_transform(poses.transpose(0, 1)),
        upstream.mT.contiguous()[:, None],
    )
    for planes, gradient in zip(ours[:3], expected[:3], strict=True):
        assert_close(planes.permute(1, 2, 0), gradient)
    assert_close(ours.delta, expected[3])


def test_what_a_compiler_sees_gives_the_same(make_problem, make_camera, dof, monkeypatch):
    """Products with rotations unrolled and masks, against products of matrices and signs."""
    kind = pose_type(dof)
    problem, pose = make_problem(batch=3, num_points=6, noise=8.0, dof=dof, make_camera=make_camera)
    pose[0, 0] += 1e4  # far beside the image
    pose[1, 2] = -5.0  # behind the camera
    packed = problem.pack(OBJECT_ROWS)
    transform = kernels.pack_transform(transforms(pose, 4, kind).transpose(0, 1))
    upstream = torch.randn(3, 1, 4, dtype=pose.dtype)

    def results():
        yield kernels.cost(kind, packed, transform)
        yield from kernels.cost_gradient(kind, packed, transform, upstream)
        yield from kernels.quadratic_model(kind, packed, transform)

    expected = list(results())
    monkeypatch.setattr(newer_torch, "is_compiling", lambda: True)
    for compiled, uncompiled in zip(results(), expected, strict=True):
        assert_close(compiled, uncompiled)


@pytest.mark.parametrize("layout", [Layout(), ROWS_OF_TWO])
def test_copies_follow_each_other(make_problem, dof, layout):
    problem, pose = make_problem(batch=5, dof=dof)
    packed = problem.pack(layout)
    repeated = packed.repeated(3, layout)
    assert packed.repeated(1, layout) is packed
    num_objects = math.prod(packed.grid)
    assert math.prod(repeated.grid) == 3 * num_objects
    padding = torch.zeros(num_objects - 5, pose.shape[1], dtype=pose.dtype)
    poses = [torch.cat((part, padding)) for part in transforms(pose, 3, pose_type(dof))]
    transform = kernels.pack_transform(torch.cat(poses).unflatten(0, repeated.grid))
    cost = kernels.cost(pose_type(dof), repeated, transform)
    expected = problem.cost(torch.stack([part[:5] for part in poses]))
    assert_close(cost.flatten().unflatten(0, (3, -1))[:, :5], expected)


def test_values_do_not_depend_on_the_layout(make_problem, dof):
    problem, pose = make_problem(batch=5, dof=dof)
    expected = problem.quadratic_model(pose)
    for layout in (ROWS_OF_TWO, OBJECT_ROWS):
        packed = problem.pack(layout)
        padding = pose.new_zeros(math.prod(packed.grid) - 5, pose.shape[1])
        transform = kernels.pack_transform(torch.cat((pose, padding)).unflatten(0, packed.grid))
        model = kernels.quadratic_model(pose_type(dof), packed, transform)
        for ours, part in zip(model, expected, strict=True):
            assert_close(ours.flatten(-2)[..., :5], part)
        assert_close(
            kernels.cost(pose_type(dof), packed, transform).flatten()[:5], problem.cost(pose)
        )


def test_rows_stand_alone(make_problem, dof):
    problem, pose = make_problem(batch=5, dof=dof)
    packed, transform = problem.pack(OBJECT_ROWS), kernels.pack_transform(pose[:, None])
    some = slice(1, 3)
    part = kernels.cost(pose_type(dof), packed.rows(some), transform[:, :, some])
    assert_close(part, kernels.cost(pose_type(dof), packed, transform)[some])


def test_lower_triangle_makes_the_matrix(make_problem, dof):
    problem, pose = make_problem(batch=3, dof=dof)
    model = problem.quadratic_model(pose)
    matrix = model.matrix()
    assert torch.equal(matrix, matrix.mT)
    assert torch.equal(matrix.diagonal(dim1=1, dim2=2).mT, model.diagonal())
    assert torch.equal(model.entry(3, 1), matrix[:, 3, 1])
