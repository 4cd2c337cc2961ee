"""Search without an initial pose: guess from subsets of the points, solve, keep what fits best."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from .backend import Backend, select_backend
from .kernels import PackedProblem
from .lm_solver import LMResult, LMSolver, move_origin, move_result
from .pose import finite_poses, pose_type
from .problem import CentredObjects, PnPProblem
from .sobol import scrambled_sobol
from .subsets import draw_points, gather
from .tensor_batch import check_shape, full_precision, keep_objects

GUESS_POINTS = 8
"""Points of a subset that make and judge the guess, spread evenly over it."""

FINALIST_ITER = 2
"""Iterations that show which finalist is the best."""


@dataclass(frozen=True)
class RandomSampleSolver:
    """Solver that needs no initial pose (EPro-PnP, arXiv 2203.13254).

    The paper solves every subset and takes the pose that fits all points best. Here most subsets
    are dropped after the guess, whose cost shows a wrong rotation, and several poses compete on all
    points for a while: less work finds the global optimum more often.

    Attributes:
        dof: degrees of freedom of the pose, 4 or 6.
        num_proposals: subsets per object, each with a guess of the pose.
        num_points: points per subset, drawn by their mean weight.
        num_solved: subsets to go on with, those whose guess fits best.
        num_iter: Levenberg-Marquardt iterations on each of them.
        num_finalists: solutions to go on with, those that fit all points best.
        refine: solver on all points, from the best of them. The objects are centred anyway.
        compile: compile the inner loops at first use, which takes some minutes, once; those of
            ``refine`` too.

    Raises:
        ValueError: if there is no pose type of ``dof`` degrees of freedom, or a count is not
            positive.

    Example:
        >>> result = RandomSampleSolver(dof=4)(problem)  # that of the example of PnPProblem
        >>> torch.allclose(result.pose, pose, atol=1e-3)
        True
    """

    dof: int = 4
    num_proposals: int = 64
    num_points: int = 16
    num_solved: int = 24
    num_iter: int = 4
    num_finalists: int = 4
    refine: LMSolver = field(default_factory=LMSolver)
    compile: bool = False

    def __post_init__(self) -> None:
        pose_type(self.dof)
        for name in ("num_proposals", "num_points", "num_solved", "num_finalists"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")

    @torch.no_grad()
    @full_precision
    def __call__(
        self,
        problem: PnPProblem,
        pose_extra: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> LMResult:
        """Find the poses of B objects. No gradient flows.

        Args:
            problem: B objects.
            pose_extra: (B, P) poses that compete with the proposals, or None.
            generator: source of random numbers, on the problem's device.

        Raises:
            ValueError: if ``pose_extra`` has another shape.
        """
        objects = problem.centred_objects()
        if pose_extra is not None:
            check_shape("pose_extra", pose_extra, (len(problem), pose_type(self.dof).dim))
            pose_extra = move_origin(pose_extra.to(objects.mean.dtype), objects.mean)
        result = self.solve_centred(objects, pose_extra, generator)
        return move_result(result, -keep_objects(objects.mean, result.valid))

    @torch.no_grad()
    def solve_centred(
        self,
        objects: CentredObjects,
        pose_extra: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> LMResult:
        """As a call, of centred objects and poses of theirs. Autocast has to be off."""
        problem, rows, usable, _ = objects
        poses = self._solve_subsets(problem, rows, generator)
        if pose_extra is not None:
            poses = torch.cat((poses, finite_poses(pose_extra)[0][None]))
        backend = self._backend(problem)
        packed = problem.pack(backend.layout)
        pose = self._elect(poses, rows, packed, backend)
        return replace(self.refine, compile=self.compile).solve_packed(packed, pose, usable)

    def _solve_subsets(
        self, problem: PnPProblem, rows: PackedProblem, generator: torch.Generator | None
    ) -> Tensor:
        """Poses (S, B, P) of the best subsets of centred objects, which also come in rows."""
        points, poses = self._guess(problem, rows, generator)
        subsets = _subsets(problem, rows, points, self._backend(problem))
        state = self._solver(self.num_iter).minimise(
            subsets, poses.flatten(0, 1), final_model=False
        )
        return state.pose.unflatten(0, poses.shape[:2])

    def _guess(
        self, problem: PnPProblem, rows: PackedProblem, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """The subsets that are worth solving, (n, S, B), and poses (S, B, P) to begin with."""
        backend, kind = self._backend(problem), pose_type(self.dof)
        points = draw_points(problem.w2d.mean(-1), self.num_proposals, self.num_points, generator)
        few = _subsets(problem, rows, points[:: max(len(points) // GUESS_POINTS, 1)], backend)
        # The same rotations for all objects: what one gets does not depend on its neighbours.
        uniform = scrambled_sobol(
            self.num_proposals,
            self.dof - 3,
            1,
            generator,
            problem.x3d.dtype,
            problem.device,
        )
        uniform = uniform[0].repeat_interleave(len(problem), dim=1)
        pose = backend.guess(kind, few, backend.layout.rows(uniform))
        cost = backend.cost(few, backend.pack_transform(pose, backend.layout)).flatten()
        pose, cost = (
            x[: uniform.shape[1]].unflatten(0, (self.num_proposals, -1)) for x in (pose, cost)
        )
        best = _best(cost, self.num_solved)
        return points.take_along_dim(best[None], dim=1), _take(pose, best)

    def _elect(
        self, poses: Tensor, rows: PackedProblem, packed: PackedProblem, backend: Backend
    ) -> Tensor:
        """The best (B, P) of poses (S, B, P), for the same objects in either layout."""
        batch = poses.shape[1]
        poses = _take(poses, _best(backend.cost_of(rows, poses), self.num_finalists))
        count = len(poses)
        if count == 1:
            return poses[0]
        poses = pad(poses, (0, 0, 0, packed.num_objects - batch)).flatten(0, 1)
        repeated = packed.repeated(count, backend.layout)
        state = self._solver(FINALIST_ITER).minimise(repeated, poses, final_model=False)
        poses, cost = (
            values.unflatten(0, (count, -1))[:, :batch] for values in (state.pose, state.model.cost)
        )
        return _take(poses, _best(cost, 1))[0]

    def _backend(self, problem: PnPProblem) -> Backend:
        return select_backend(self.compile, problem.camera)

    def _solver(self, num_iter: int) -> LMSolver:
        return LMSolver(num_iter, compile=self.compile)


def _subsets(
    problem: PnPProblem, rows: PackedProblem, points: Tensor, backend: Backend
) -> PackedProblem:
    """Problems of S * B objects, first subsets first, from points (n, S, B) of objects in rows."""
    layout, copies = backend.layout, points.shape[1]
    return PackedProblem(
        *gather((rows.x3d, rows.x2d, rows.w2d), points, layout),
        problem.camera.packed(layout, copies),
        problem.robust_cost.packed(layout, copies),
    )


def _best(cost: Tensor, count: int) -> Tensor:
    """Which of the costs (S, B) are the least: (min(count, S), B)."""
    cost = cost.nan_to_num(nan=float("inf"))
    return cost.topk(min(count, len(cost)), dim=0, largest=False, sorted=False).indices


def _take(poses: Tensor, index: Tensor) -> Tensor:
    """Poses (S, B, P) at indices (K, B): (K, B, P)."""
    return poses.take_along_dim(index[..., None], dim=0)
