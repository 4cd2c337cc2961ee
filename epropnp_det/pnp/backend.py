"""How the inner loops run: one tensor operation after the other, or compiled into one pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from . import joint_t, lm_result, look_alikes, many_poses, monte_carlo, subsets, trust_region
from .camera import PerspectiveCamera
from .compile_errors import UntriedCompiler, cause_and_mend, prepare_to_compile
from .kernels import CostGradient
from .layout import Layout
from .lm_result import TwoResults
from .modes import Modes
from .monte_carlo import Rounds
from .newer_torch import OLDEST_COMPILER, can_compile, is_exporting
from .trust_region import State


@dataclass(frozen=True)
class Backend:
    """The inner loops and the layout and block size that suit them.

    Attributes:
        layout: of the packed tensors.
        points_per_block: how many points times poses to work on at a time, so that what is
            computed on the way stays in the cache; None for all at once.
        cost_of_poses: see ``many_poses``, as the next; then comes the loop of ``trust_region``, and
            those of ``lm_result``, ``subsets``, ``look_alikes``, ``joint_t`` and ``monte_carlo``.
    """

    layout: Layout
    points_per_block: int | None
    cost_of_poses: Callable[..., Tensor]
    gradient_at_poses: Callable[..., CostGradient]
    minimise: Callable[..., State]
    best_result: Callable[..., TwoResults]
    guess: Callable[..., tuple[Tensor, Tensor]]
    finalists: Callable[..., Tensor]
    with_mirror_image: Callable[..., Modes]
    first_round: Callable[..., Rounds]
    next_round: Callable[..., Rounds]


LOOPS = (
    many_poses.cost_of_poses,
    many_poses.gradient_at_poses,
    trust_region.minimise,
    lm_result.best_result,
    subsets.guess,
    look_alikes.finalists,
    look_alikes.with_mirror_image,
    joint_t.first_round,
    monte_carlo.next_round,
)

EAGER = Backend(Layout(), 2**17, **{loop.__name__: loop for loop in LOOPS})
# A graph for any number of objects cannot have a number of blocks.
EXPORTED = replace(EAGER, points_per_block=None)


def select_backend(compile: bool, camera: PerspectiveCamera) -> Backend:
    """The backend of a solver or layer with this setting.

    The cost behind a lens takes the compiler minutes, so that only pinholes are compiled for.
    """
    if is_exporting():
        return EXPORTED
    pinhole = type(camera).distort is PerspectiveCamera.distort
    return _compiled_backend() if compile and pinhole else EAGER


RECOMPILE_LIMIT = 64
"""More than there are combinations of pose type, camera, cost, settings and dtype in a process."""

# Sums over points or poses: to compute a term again is faster than to keep it for each of them.
KEEP_NOTHING = {
    "realize_reads_threshold": 10**9,
    "realize_opcount_threshold": 10**9,
    "realize_acc_reads_threshold": 10**9,
}
# Or else every process would compile code with a loop anew. The key under which the compiler keeps
# it on the disk holds the loop's body too.
CACHE_LOOPS = {
    "unsafe_marked_cacheable_functions": {"torch.ops.higher_order.while_loop": torch.__version__}
}
OPTIONS = {
    many_poses.cost_of_poses: KEEP_NOTHING,
    many_poses.gradient_at_poses: KEEP_NOTHING,
    trust_region.minimise: KEEP_NOTHING | CACHE_LOOPS,
}


@cache
def _compiled_backend() -> Backend:
    compiled = {loop.__name__: _Compiled(loop, OPTIONS.get(loop)) for loop in LOOPS}
    return Backend(Layout(lanes=32), None, **compiled)


class _Compiled:
    """A function that is compiled at its first call, once for all shapes.

    Where it cannot be compiled it runs as it is, and says why once.
    """

    def __init__(self, function: Callable, options: dict[str, Any] | None = None) -> None:
        self._function = function
        self._options = options
        self._run = self._compile

    def __call__(self, *args: Any) -> Any:
        try:
            return self._run(*args)
        except (OSError, UntriedCompiler) as error:
            # Of the compiler's cache, without whose folder not even the exceptions below exist, or
            # of a PyTorch that may not have them.
            cause = cause_and_mend(error)
        except torch._dynamo.exc.TorchDynamoException as error:
            cause = cause_and_mend(error)
        # What is wrong with the arguments is raised here as it is, and no fault of the compiler's.
        result = self._function(*args)
        self._run = self._function
        warnings.warn(
            f"{self._function.__name__} of the PnP layer runs uncompiled, several times slower "
            f"{cause}.",
            stacklevel=2,
        )
        return result

    def _compile(self, *args: Any) -> Any:
        if not can_compile():
            raise UntriedCompiler(f"PyTorch {torch.__version__} is older than {OLDEST_COMPILER}")
        from torch.fx.experimental import _config as shape_config

        prepare_to_compile()
        run = torch.compile(self._function, dynamic=True, options=self._options)
        # Sizes that happen to be the same the first time are not the same for ever; settings are.
        # With its cache of fake tensors the compiler takes a seventh longer, not less.
        tracing = torch._dynamo.config.patch(
            specialize_float=True, recompile_limit=RECOMPILE_LIMIT, fake_tensor_cache_enabled=False
        )
        self._run = tracing(shape_config.patch(use_duck_shape=False)(run))
        return self._run(*args)
