"""Search without an initial pose: guess from subsets of the points, solve, keep what fits best."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from .backend import Backend, select_backend
from .kernels import PackedProblem
from .lm_result import LMResult, TwoResults
from .lm_solver import LMSolver
from .look_alikes import look_alikes
from .pose import finite_poses, pose_type
from .problem import CentredObjects, PnPProblem
from .sobol import scrambled_sobol
from .subsets import SubsetNoise, draw_points, gather, least, take
from .tensor_batch import check_shape, full_precision

GUESS_POINTS = 8
"""Points of a subset that make and judge the guess, spread evenly over it."""


class SearchNoise(NamedTuple):
    """Random numbers of a search. What one object gets does not depend on its neighbours: they are
    the same for all.

    Attributes:
        subsets: for their points.
        rotations: in [0, 1), for the rotations to begin with, (dof - 3, num_proposals).
    """

    subsets: SubsetNoise
    rotations: Tensor


@dataclass(frozen=True)
class RandomSampleSolver:
    """Solver that needs no initial pose (EPro-PnP, arXiv 2203.13254).

    The paper solves every subset and takes the pose that fits all points best. Here most subsets
    are dropped after the guess, whose cost shows a wrong rotation, and several poses compete on all
    points to the end: less work finds the global optimum more often.

    Attributes:
        dof: degrees of freedom of the pose, 4 or 6.
        num_proposals: subsets per object, each with a guess of the pose.
        num_points: points per subset, drawn by their mean weight.
        num_solved: subsets to go on with, those whose guess fits best.
        num_iter: Levenberg-Marquardt iterations on each of them.
        num_finalists: solutions to go on with, which is how many modes can be found: those that
            fit all points best with different rotations. With several, the mirror image of the
            best one and half turns of the object compete too.
        refine: solver on all points, from each of them. The objects are centred anyway.
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
    num_solved: int = 16
    num_iter: int = 5
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
        if pose_extra is not None:
            check_shape("pose_extra", pose_extra, (len(problem), pose_type(self.dof).dim))
        if self.compile and len(problem) == 1:  # for a compiler one is a case of its own
            pose_extra = None if pose_extra is None else pose_extra.repeat(2, 1)
            return self(PnPProblem.cat([problem, problem]), pose_extra, generator)[:1]
        objects = problem.centred_objects()
        if pose_extra is not None:
            pose_extra = objects.frame.enter(pose_extra.to(problem.x3d.dtype))
        return self.solve_centred(objects, pose_extra, generator).original

    @torch.no_grad()
    def solve_centred(
        self,
        objects: CentredObjects,
        pose_extra: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> TwoResults:
        """As a call, of centred objects and poses of theirs. Autocast has to be off."""
        backend = select_backend(self.compile, objects.camera)
        noise = self.noise(generator, objects.rows.points.dtype, objects.rows.points.device)
        poses = self._solve_subsets(objects.rows, backend, noise)
        if pose_extra is not None:
            poses = torch.cat((poses, finite_poses(pose_extra)[0][:, None]), dim=1)

        def evaluate(poses: Tensor) -> Tensor:
            by_object = poses.mT.contiguous()
            return backend.cost_of_poses(objects.rows, by_object, backend.points_per_block)

        cost = evaluate(poses)
        if self.num_finalists > 1:
            others = look_alikes(take(poses, least(cost, 1))[:, 0], objects.normal)
            poses = torch.cat((poses, others), dim=1)
            cost = torch.cat((cost, evaluate(others)), dim=1)
        finalists = backend.finalists(poses, cost, self.num_finalists).transpose(0, 1)
        refine = replace(self.refine, compile=self.compile)
        packed = objects.pack(backend.layout)
        return refine.solve_packed(packed, finalists, objects.usable, objects.frame)

    def noise(
        self,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> SearchNoise:
        """Draw the random numbers of a search, from a generator on the device."""
        like = (generator, dtype, device)
        subsets = SubsetNoise.draw(self.num_points, self.num_proposals, *like)
        (rotations,) = scrambled_sobol(self.num_proposals, self.dof - 3, 1, *like)
        return SearchNoise(subsets, rotations)

    def _solve_subsets(self, rows: PackedProblem, backend: Backend, noise: SearchNoise) -> Tensor:
        """Poses (B, S, P) of the best subsets."""
        points, poses = self._guess(rows, backend, noise)
        subsets = gather(rows, points).in_all_lanes()
        solver = LMSolver(self.num_iter, compile=self.compile)
        return solver.minimise(subsets, poses).pose

    def _guess(
        self, rows: PackedProblem, backend: Backend, noise: SearchNoise
    ) -> tuple[Tensor, Tensor]:
        """The subsets that are worth solving, (B, n, S), and poses (B, S, P) to begin with."""
        weight = rows.w2d.mean(0).squeeze(-1)
        subsets = draw_points(weight, noise.subsets)
        few = gather(rows, subsets.spread(GUESS_POINTS))
        best, pose = backend.guess(pose_type(self.dof), few, noise.rotations, self.num_solved)
        return subsets.chosen(best), pose
