"""The cost at given poses as a differentiable function of the correspondences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .backend import Backend
from .kernels import PackedProblem
from .problem import PnPProblem


def differentiable_cost(
    cost: Tensor,
    problem: PnPProblem,
    rows: PackedProblem,
    unit: Tensor,
    poses: Tensor,
    keep: Tensor,
    backend: Backend,
) -> Tensor:
    """Costs that are known already, with their gradient by x3d, x2d, w2d and delta.

    Nothing of the forward pass is recorded: the backward pass computes the gradient afresh, block
    by block, from formulas derived by hand (``kernels.cost_gradient``).

    Args:
        cost: (K, B), as ``many_poses.cost_of_poses`` gave it.
        problem: B objects, whose correspondences get the gradient.
        rows: the same objects, of which ``poses`` are. Where their origins lie does not matter: a
            point's derivative is that by x3d all the same.
        unit: (B,) of their lengths, by that of the problem.
        poses: (K, B, P), constant.
        keep: (B,) bool: the others get no gradient, nor does an object whose gradient overflows.
        backend: the inner loops to use.

    Returns:
        (K, B), the values of ``cost``.
    """
    delta = problem.robust_cost.delta
    delta = delta if isinstance(delta, Tensor) else None
    leaves = (problem.x3d, problem.x2d, problem.w2d, delta)
    return _DifferentiableCost.apply(cost, rows, unit, poses, keep, backend, *leaves)


class _DifferentiableCost(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cost: Tensor,
        rows: PackedProblem,
        unit: Tensor,
        poses: Tensor,
        keep: Tensor,
        backend: Backend,
        *leaves: Any,
    ) -> Tensor:
        ctx.rows, ctx.unit, ctx.poses, ctx.keep, ctx.backend = rows, unit, poses, keep, backend
        return cost.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        backend = ctx.backend
        poses, upstream = ctx.poses.permute(1, 2, 0).contiguous(), upstream.mT.contiguous()
        gradient = backend.gradient_at_poses(
            ctx.rows, poses, upstream, ctx.keep, backend.points_per_block
        )
        x3d, x2d, w2d = (planes.permute(1, 2, 0) for planes in gradient[:3])
        x3d = x3d * (1 / ctx.unit)[:, None, None]
        return *[None] * 6, x3d, x2d, w2d, gradient.delta if ctx.needs_input_grad[-1] else None
