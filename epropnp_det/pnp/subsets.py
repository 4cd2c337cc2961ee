"""Random subsets of an object's points, and a first guess of the pose from each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .kernels import PackedProblem
from .layout import Layout
from .pose import PoseType, rotate


def draw_points(
    weight: Tensor, num_subsets: int, num_points: int, generator: torch.Generator | None = None
) -> Tensor:
    """Choose the points of each subset by their weight.

    The chances of a point to be drawn add up to num_points over an object. Along their running sum
    every subset takes one point from each unit interval, so that no heavy point can fill a subset;
    and of num_subsets equal parts of an interval each goes to one subset, so that all subsets
    together are spread evenly (a Latin hypercube sample).

    Args:
        weight: (B, N), not negative.
        num_subsets: subsets of an object.
        num_points: n, points of a subset; all N if there are no more.
        generator: source of random numbers, on the weights' device.

    Returns:
        Indices (min(n, N), num_subsets, B), int32, which take half the time of int64.
    """
    batch, count = weight.shape
    like = {"dtype": weight.dtype, "device": weight.device}
    if count <= num_points:
        every = torch.arange(count, dtype=torch.int, device=weight.device)
        return every[:, None, None].expand(count, num_subsets, batch)
    # A little for all, so that there are enough points to draw whatever the weights are.
    weight = weight + 1e-3 * weight.mean(-1, keepdim=True) + torch.finfo(weight.dtype).tiny
    parts = num_points * num_subsets
    offset = torch.rand((), generator=generator, **like)  # of no object alone
    edges = inclusion(weight, num_points).cumsum(-1) * num_subsets - offset
    # The point at a place is the number of edges before it; behind the last edge there is none.
    behind = edges[:, :-1].ceil().clamp(0, parts).nan_to_num(nan=float(parts)).long()
    edges_at = torch.zeros(batch, parts + 1, dtype=torch.int, device=weight.device)
    edges_at.scatter_add_(1, behind, torch.ones_like(behind, dtype=torch.int))
    point = edges_at.cumsum(-1, dtype=torch.int)
    order = torch.rand(num_points, num_subsets, generator=generator, **like).argsort(-1)
    order = order + num_subsets * torch.arange(num_points, device=weight.device)[:, None]
    return point.mT.contiguous().index_select(0, order.flatten()).unflatten(0, order.shape)


def inclusion(weight: Tensor, count: int) -> Tensor:
    """Chances (B, N), at most one, proportional to weights (B, N) otherwise, that sum to count.

    The heaviest j points get a chance of one, with the smallest j that leaves the others less.
    """
    heaviest, index = weight.topk(min(count, weight.shape[-1]), dim=-1)
    rest = weight.scatter(-1, index, 0).sum(-1, keepdim=True)
    rest = rest + heaviest.flip(-1).cumsum(-1).flip(-1)
    taken = torch.arange(heaviest.shape[-1], dtype=weight.dtype, device=weight.device)
    factor = (count - taken) / rest
    fits = factor * heaviest <= 1
    first = fits.byte().argmax(dim=-1, keepdim=True)
    return (weight * factor.gather(-1, first)).clamp(max=1)


def gather(planes: Sequence[Tensor], points: Tensor, layout: Layout) -> list[Tensor]:
    """The numbers of chosen points, packed; all first subsets come before all second ones.

    Args:
        planes: numbers of points with one object a row, each (D, B, N, 1).
        points: indices (n, S, B).
        layout: of what is returned.

    Returns:
        For each of the planes (D, C, n, L), with S * B objects.
    """
    batch, count = planes[0].shape[1:3]
    first = count * torch.arange(batch, dtype=points.dtype, device=points.device)
    index = layout.rows((points + first).flatten(1)).transpose(0, 1)
    if batch == 0:  # the padding still needs a number to point at
        planes = [numbers.new_zeros(len(numbers), 1) for numbers in planes]
    return [
        numbers.flatten(1).index_select(1, index.flatten()).unflatten(1, index.shape)
        for numbers in planes
    ]


def guess(kind: PoseType, problem: PackedProblem, uniform: Tensor) -> Tensor:
    """The mean point on the mean bearing, at the depth that fits their spreads.

    Args:
        kind: pose type.
        problem: M = C L packed objects.
        uniform: random numbers in [0, 1) for the rotation, (dof - 3, C, L).

    Returns:
        Poses (M, P).
    """
    count = max(problem.x3d.shape[-2], 1)
    bearings = torch.stack(problem.camera.bearings(list(problem.x2d)))
    mean = problem.x3d.sum(-2) / count
    # Any closer, the object would reach behind the camera, where no step leads out.
    size = (problem.x3d - mean[..., None, :]).square().sum(0).sqrt().sum(-2) / count
    nearest = size + problem.camera.z_min
    depth = kind.guess_depth(problem.x3d, bearings)
    depth = torch.where(depth.isfinite(), depth, nearest).maximum(nearest)
    ray = bearings.sum(-2) / count
    centre = torch.cat((ray * depth, depth[None]))
    centre, mean, uniform = (planes.flatten(1).mT for planes in (centre, mean, uniform))
    pose = torch.cat((centre, kind.uniform_rotation(uniform)), dim=-1)
    offset = rotate(pose, mean[:, None])[:, 0]
    return torch.cat((centre - offset, pose[:, 3:]), dim=-1)
