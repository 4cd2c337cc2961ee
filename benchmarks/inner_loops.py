"""Rates of the layer's two inner loops, to set beside that of a matrix product."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

from arithmetic import COST, NORMAL_EQUATIONS, NUM_POINTS, NUM_PROPOSALS, synchronise
from problems import ProblemSettings, make_problem
from torch.nn.functional import pad

from epropnp_det.pnp.backend import select_backend
from epropnp_det.pnp.layout import OBJECT_ROWS
from epropnp_det.pnp.pose import pose_type

LOOKS = 6
"""Poses that the solver looks at, the first among them."""


@dataclass(frozen=True)
class Loop:
    """An inner loop on packed problems.

    Attributes:
        name: what it computes.
        call: computes it once.
        operations: of a call.
    """

    name: str
    call: Callable[[], object]
    operations: int

    def rate(self, device: str, repeats: int) -> tuple[float, float]:
        """Median seconds of a call after two that warm up, and operations a second."""
        seconds = []
        for _ in range(2 + repeats):
            synchronise(device)
            begin = time.perf_counter()
            self.call()
            synchronise(device)
            seconds.append(time.perf_counter() - begin)
        typical = median(seconds[2:])
        return typical, self.operations / typical


def inner_loops(problems: ProblemSettings, compiled: bool, device: str) -> list[Loop]:
    """The loops as the random-sample solver runs them on these problems."""
    whole, pose = (part.to(device) for part in make_problem(problems))
    backend, dof = select_backend(compiled, whole.camera), problems.dof
    packed, poses = whole.pack(OBJECT_ROWS), pose[..., None].repeat(1, 1, NUM_PROPOSALS)

    count = NUM_PROPOSALS * problems.num_objects
    settings = replace(problems, num_objects=count, num_points=NUM_POINTS)
    subsets, subset_pose = (part.to(device) for part in make_problem(settings))
    packed_subsets = subsets.pack(backend.layout)
    kind = pose_type(dof)
    padding = math.prod(packed_subsets.grid) - count
    padded = pad(subset_pose, (0, 0, 0, padding)).unflatten(0, packed_subsets.grid)
    return [
        Loop(
            f"cost, {NUM_PROPOSALS} poses x {problems.num_objects} x {problems.num_points} points",
            lambda: backend.cost_of_poses(packed, poses, backend.points_per_block),
            count * problems.num_points * COST[dof],
        ),
        Loop(
            f"{LOOKS} times normal equations and step, {count} x {NUM_POINTS} points",
            lambda: backend.minimise(kind, packed_subsets, padded, LOOKS - 1, 30.0, 1e-3),
            LOOKS * count * NUM_POINTS * NORMAL_EQUATIONS[dof],
        ),
    ]
