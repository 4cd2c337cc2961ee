"""The cost at given poses as a differentiable function of the correspondences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .backend import Backend
from .layout import OBJECT_ROWS
from .problem import PnPProblem


def differentiable_cost(
    cost: Tensor, problem: PnPProblem, poses: Tensor, backend: Backend
) -> Tensor:
    """Costs that are known already, with their gradient by x3d, x2d, w2d and delta.

    Nothing of the forward pass is recorded: the backward pass computes the gradient afresh, block
    by block, from formulas derived by hand (``kernels.cost_gradient``).

    Args:
        cost: (K, B), of the poses, as ``problem.cost(poses)`` or ``backend.cost_of`` gave it.
        problem: B objects.
        poses: (K, B, P), constant.
        backend: the inner loops to use.

    Returns:
        (K, B), the values of ``cost``.
    """
    delta = problem.robust_cost.delta
    delta = delta if isinstance(delta, Tensor) else None
    leaves = (problem.x3d, problem.x2d, problem.w2d, delta)
    return _DifferentiableCost.apply(cost, problem.detach(), poses, backend, *leaves)


class _DifferentiableCost(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, cost: Tensor, problem: PnPProblem, poses: Tensor, backend: Backend, *leaves: Any
    ) -> Tensor:
        ctx.problem, ctx.poses, ctx.backend = problem, poses, backend
        return cost.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        problem = ctx.problem.pack(OBJECT_ROWS)
        transform = ctx.backend.pack_transforms(ctx.poses)
        blocks = ctx.backend.blocks(problem, transform, upstream.mT.contiguous()[:, None])
        parts = [ctx.backend.cost_gradient(*block) for block in blocks]
        x3d, x2d, w2d = (
            torch.cat(planes, dim=1).permute(1, 2, 0)
            for planes in list(zip(*parts, strict=True))[:3]
        )
        delta = torch.cat([part.delta for part in parts])
        return *[None] * 4, x3d, x2d, w2d, delta if ctx.needs_input_grad[-1] else None
