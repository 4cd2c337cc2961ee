"""Initialisation by random samples: solve small subsets, keep what fits all points best."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from .lm_solver import LMResult, LMSolver
from .pose import finite_poses, pose_type
from .problem import PnPProblem
from .tensor_batch import check_shape, full_precision


@dataclass(frozen=True)
class RandomSampleSolver:
    """Solver that needs no initial pose (EPro-PnP, arXiv 2203.13254).

    Attributes:
        dof: degrees of freedom of the pose, 4.
        num_proposals: subsets per object.
        num_points: points per subset, drawn without replacement by their mean weight.
        num_iter: Levenberg-Marquardt iterations on each subset.
        refine: solver on all points, from the best proposal.

    Raises:
        ValueError: if there is no pose type of ``dof`` degrees of freedom.
    """

    dof: int = 4
    num_proposals: int = 64
    num_points: int = 16
    num_iter: int = 3
    refine: LMSolver = field(default_factory=LMSolver)

    def __post_init__(self) -> None:
        pose_type(self.dof)

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
        """
        return self.refine(problem, self.propose(problem, pose_extra, generator))

    @torch.no_grad()
    @full_precision
    def propose(
        self,
        problem: PnPProblem,
        pose_extra: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The best proposal (B, P) of each object, not refined; arguments as for a call."""
        problem = problem.masked(problem.usable())
        subsets = self._draw_subsets(problem, generator)
        solver = LMSolver(num_iter=self.num_iter, centre=self.refine.centre)
        poses = solver(subsets, self._guess(subsets, generator)).pose
        poses = poses.unflatten(0, (self.num_proposals, len(problem)))
        if pose_extra is not None:
            check_shape("pose_extra", pose_extra, (len(problem), pose_type(self.dof).dim))
            poses = torch.cat((poses, finite_poses(pose_extra.to(poses.dtype))[0][None]))
        cost = problem.cost(poses).nan_to_num(nan=float("inf"))
        best = cost.argmin(dim=0)
        return poses.take_along_dim(best[None, :, None], dim=0)[0]

    def _draw_subsets(self, problem: PnPProblem, generator: torch.Generator | None) -> PnPProblem:
        """Problems of num_proposals * B objects, proposals first, of num_points points."""
        batch, num_points = len(problem), problem.num_points
        # The largest of p / Exponential(1) are a draw without replacement, without the errors
        # that torch.multinomial raises on zero weights (Efraimidis and Spirakis, 2006).
        keys = problem.w2d.new_empty(self.num_proposals, batch, num_points)
        keys = problem.w2d.mean(-1) / keys.exponential_(generator=generator)
        points = keys.topk(min(self.num_points, num_points), dim=-1).indices.flatten(0, 1)
        objects = torch.arange(batch, device=problem.device).repeat(self.num_proposals)
        x3d, x2d, w2d = (
            tensor[objects[:, None], points] for tensor in (problem.x3d, problem.x2d, problem.w2d)
        )
        return PnPProblem(x3d, x2d, w2d, problem.camera[objects], problem.robust_cost[objects])

    def _guess(self, problem: PnPProblem, generator: torch.Generator | None) -> Tensor:
        """Poses (B, P): the mean point on the mean bearing, uniform rotation."""
        kind = pose_type(self.dof)
        count = max(problem.num_points, 1)
        bearings = problem.camera.normalise(problem.x2d)
        depth = kind.guess_depth(problem.x3d, bearings)
        ray = torch.cat((bearings.sum(1) / count, torch.ones_like(depth)[:, None]), dim=-1)
        mean = problem.x3d.sum(1) / count
        # Any closer, the object would reach behind the camera, where no step leads out.
        size = (problem.x3d - mean[:, None]).norm(dim=-1).sum(-1) / count
        nearest = size + problem.camera.z_min
        depth = torch.where(depth.isfinite(), depth, nearest).maximum(nearest)
        pose = kind.random_rotation(ray * depth[:, None], generator)
        offset = kind.rotate(pose, mean[:, None])[:, 0]
        return torch.cat((pose[:, :3] - offset, pose[:, 3:]), dim=-1)
