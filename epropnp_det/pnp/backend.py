"""How the inner loops run: one tensor operation after the other, or compiled into one pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from . import kernels, subsets, trust_region
from .camera import PerspectiveCamera
from .kernels import CostGradient, PackedProblem
from .layout import Layout
from .trust_region import State, Trial


@dataclass(frozen=True)
class Backend:
    """The inner loops and the layout and block size that suit them.

    Attributes:
        layout: of the packed tensors.
        points_per_block: how many points times poses to work on at a time, so that what is
            computed on the way stays in the cache; None for all at once.
        pack_transform: see ``kernels``, as the next three; then come those of ``trust_region`` and
            ``subsets``. What is computed per pose and then used per point is a function of its
            own, since a compiler would compute it for each point.
    """

    layout: Layout
    points_per_block: int | None
    pack_transform: Callable[[Tensor, Layout], Tensor]
    pack_transforms: Callable[[Tensor], Tensor]
    cost: Callable[[PackedProblem, Tensor], Tensor]
    cost_gradient: Callable[[PackedProblem, Tensor, Tensor], CostGradient]
    start: Callable[..., tuple[State, Trial]]
    iterate: Callable[..., tuple[State, Trial]]
    conclude: Callable[..., State]
    guess: Callable[..., Tensor]

    def cost_of(self, problem: PackedProblem, poses: Tensor) -> Tensor:
        """Costs (K, B) of K poses of each object, (K, B, P), without gradient.

        Args:
            problem: B objects in rows.
            poses: (K, B, P).
        """
        transform = self.pack_transforms(poses)
        parts = [self.cost(*block) for block in self.blocks(problem, transform)]
        return torch.cat(parts).mT

    def blocks(
        self, problem: PackedProblem, *others: Tensor
    ) -> Iterator[tuple[PackedProblem, *tuple[Tensor, ...]]]:
        """Rows of a problem and of tensors (..., B, 1, K), for ``cost`` and ``cost_gradient``."""
        rows = problem.w2d.shape[1]
        if self.points_per_block is None or rows == 0:
            yield (problem, *others)
            return
        work = problem.w2d.shape[2] * others[0].shape[-1]
        # A GPU wants large pieces of work, and has no such cache.
        limit = self.points_per_block * (64 if problem.w2d.is_cuda else 1)
        size = max(limit // max(work, 1), 1)
        for first in range(0, rows, size):
            block = slice(first, first + size)
            yield (problem.rows(block), *(other[..., block, :, :] for other in others))


LOOPS = (
    kernels.pack_transform,
    kernels.pack_transforms,
    kernels.cost,
    kernels.cost_gradient,
    trust_region.start,
    trust_region.iterate,
    trust_region.conclude,
    subsets.guess,
)

EAGER = Backend(Layout(), 2**17, **{loop.__name__: loop for loop in LOOPS})


def select_backend(compile: bool, camera: PerspectiveCamera) -> Backend:
    """The backend of a solver or layer with this setting.

    The cost behind a lens takes the compiler minutes, so that only pinholes are compiled for.
    """
    pinhole = type(camera).distort is PerspectiveCamera.distort
    return _compiled_backend() if compile and pinhole else EAGER


RECOMPILE_LIMIT = 64
"""More than there are combinations of pose type, camera, cost and dtype in any process."""

# Sums over many poses: to compute a term again is faster than to keep it for every pose.
KEEP_NOTHING = {
    "realize_reads_threshold": 10**9,
    "realize_opcount_threshold": 10**9,
    "realize_acc_reads_threshold": 10**9,
}
SUMS = (kernels.cost, kernels.cost_gradient)


@cache
def _compiled_backend() -> Backend:
    compiled = {
        loop.__name__: _Compiled(loop, KEEP_NOTHING if loop in SUMS else None) for loop in LOOPS
    }
    return Backend(Layout(lanes=32), None, **compiled)


class _Compiled:
    """A function that is compiled at its first call, once for all shapes.

    Without a working compiler it runs as it is, and says so once.
    """

    def __init__(self, function: Callable, options: dict[str, int] | None = None) -> None:
        self._function = function
        self._run = torch.compile(
            function, dynamic=True, options=options, recompile_limit=RECOMPILE_LIMIT
        )

    def __call__(self, *args: Any) -> Any:
        try:
            return self._run(*args)
        except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError) as error:
            reason = str(error).strip().splitlines()[0]
            warnings.warn(
                f"{self._function.__name__} of the PnP layer runs uncompiled, several times slower "
                f"({reason}): install a C++ compiler, or on a GPU Triton, or pass compile=False.",
                stacklevel=2,
            )
            self._run = self._function
            return self._run(*args)
