"""The cost at given poses as a differentiable function of the correspondences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .backend import Backend
from .kernels import PackedProblem
from .problem import PnPProblem
from .tensor_batch import all_finite


def differentiable_cost(
    cost: Tensor,
    problem: PnPProblem,
    rows: PackedProblem,
    poses: Tensor,
    keep: Tensor,
    backend: Backend,
) -> Tensor:
    """Costs that are known already, with their gradient by x3d, x2d, w2d and delta.

    Nothing of the forward pass is recorded: the backward pass computes the gradient afresh, block
    by block, from formulas derived by hand (``kernels.cost_gradient``).

    Args:
        cost: (K, B), as ``backend.cost_of(rows, poses)`` gave it.
        problem: B objects, whose correspondences get the gradient.
        rows: the same objects, of which ``poses`` are. Where their origins lie does not matter: a
            point's derivative is that by x3d all the same.
        poses: (K, B, P), constant.
        keep: (B,) bool: the others get no gradient, nor does an object whose gradient overflows.
        backend: the inner loops to use.

    Returns:
        (K, B), the values of ``cost``.
    """
    delta = problem.robust_cost.delta
    delta = delta if isinstance(delta, Tensor) else None
    leaves = (problem.x3d, problem.x2d, problem.w2d, delta)
    return _DifferentiableCost.apply(cost, rows, poses, keep, backend, *leaves)


class _DifferentiableCost(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cost: Tensor,
        rows: PackedProblem,
        poses: Tensor,
        keep: Tensor,
        backend: Backend,
        *leaves: Any,
    ) -> Tensor:
        ctx.rows, ctx.poses, ctx.keep, ctx.backend = rows, poses, keep, backend
        return cost.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        transform = ctx.backend.pack_transforms(ctx.poses)
        blocks = ctx.backend.blocks(ctx.rows, transform, upstream.mT.contiguous()[:, None])
        parts = [ctx.backend.cost_gradient(*block) for block in blocks]
        x3d, x2d, w2d = (torch.cat(planes, dim=1) for planes in list(zip(*parts, strict=True))[:3])
        delta = torch.cat([part.delta for part in parts])
        keep = ctx.keep & all_finite(delta[:, None])
        for planes in (x3d, x2d, w2d):
            keep = keep & all_finite(planes, (0, 2))
        x3d, x2d, w2d = (
            torch.where(keep[:, None], planes, torch.zeros_like(planes)).permute(1, 2, 0)
            for planes in (x3d, x2d, w2d)
        )
        delta = torch.where(keep, delta, torch.zeros_like(delta))
        return *[None] * 5, x3d, x2d, w2d, delta if ctx.needs_input_grad[-1] else None
