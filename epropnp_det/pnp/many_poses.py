"""Costs of many poses of each object, and their gradient: objects in rows, poses in lanes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .kernels import CostGradient, PackedProblem, cost, cost_gradient, pack_transform
from .pose import pose_type_of
from .tensor_batch import all_finite


def cost_of_poses(problem: PackedProblem, poses: Tensor, points_per_block: int | None) -> Tensor:
    """Costs (B, K) of K poses of each object.

    Args:
        problem: B objects in rows.
        poses: (B, P, K).
        points_per_block: how many points times poses to work on at a time; None for all at once.
    """
    kind, transform = pose_type_of(poses.mT), pack_transform(poses.mT)
    parts = [cost(kind, *block) for block in _blocks(problem, points_per_block, transform)]
    return torch.cat(parts)


def gradient_at_poses(
    problem: PackedProblem,
    poses: Tensor,
    upstream: Tensor,
    keep: Tensor,
    points_per_block: int | None,
) -> CostGradient:
    """Gradient of a weighted sum of those costs.

    Args:
        problem: B objects in rows.
        poses: (B, P, K).
        upstream: weights of the sum, (B, K).
        keep: (B,) bool: the others' gradients are zero, as is any that overflows.
        points_per_block: as for ``cost_of_poses``.
    """
    kind = pose_type_of(poses.mT)
    transform = pack_transform(poses.mT, along=-1)  # sums over lanes are a loop over points
    blocks = _blocks(problem, points_per_block, transform, upstream[:, None])
    parts = [cost_gradient(kind, *block) for block in blocks]
    x3d, x2d, w2d, delta = zip(*parts, strict=True)
    planes, delta = [torch.cat(part, dim=1) for part in (x3d, x2d, w2d)], torch.cat(delta)
    keep = keep & all_finite(delta[:, None])
    for plane in planes:
        keep = keep & all_finite(plane, (0, 2))
    kept = [torch.where(keep[:, None], plane, torch.zeros_like(plane)) for plane in planes]
    return CostGradient(*kept, torch.where(keep, delta, torch.zeros_like(delta)))


def _blocks(
    problem: PackedProblem, points_per_block: int | None, *others: Tensor
) -> Iterator[tuple[PackedProblem | Tensor, ...]]:
    """Some rows at a time, of a problem and of tensors (..., B, 1, K)."""
    _, rows, num_points, _ = problem.points.shape
    if points_per_block is None or rows == 0:
        yield (problem, *others)
        return
    work = num_points * others[0].shape[-1]
    # A GPU wants larger pieces of work, and has no such cache; these take half a gigabyte.
    limit = points_per_block * (32 if problem.points.is_cuda else 1)
    size = max(limit // max(work, 1), 1)
    for first in range(0, rows, size):
        block = slice(first, first + size)
        yield (problem.rows(block), *(other[..., block, :, :] for other in others))
