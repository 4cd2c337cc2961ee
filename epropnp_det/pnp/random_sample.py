"""Initialisation by random samples: solve small subsets, keep what fits all points best."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .backend import Backend, select_backend
from .kernels import PackedProblem
from .layout import OBJECT_ROWS
from .lm_solver import LMResult, LMSolver, move_origin
from .pose import finite_poses, pose_type
from .problem import PnPProblem
from .subsets import draw_points, gather
from .tensor_batch import check_shape, full_precision


@dataclass(frozen=True)
class RandomSampleSolver:
    """Solver that needs no initial pose (EPro-PnP, arXiv 2203.13254).

    Attributes:
        dof: degrees of freedom of the pose, 4 or 6.
        num_proposals: subsets per object.
        num_points: points per subset, drawn by their mean weight.
        num_iter: Levenberg-Marquardt iterations on each subset, one more than the paper's:
            with many outliers three more often miss the global optimum.
        refine: solver on all points, from the best proposal.
        compile: compile the inner loops at first use, which takes about two minutes, once; those of
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
    num_iter: int = 4
    refine: LMSolver = field(default_factory=LMSolver)
    compile: bool = False

    def __post_init__(self) -> None:
        pose_type(self.dof)
        for name in ("num_proposals", "num_points"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")

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
        refine = replace(self.refine, compile=self.compile)
        return refine(problem, self.propose(problem, pose_extra, generator))

    @torch.no_grad()
    @full_precision
    def propose(
        self,
        problem: PnPProblem,
        pose_extra: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The best proposal (B, P) of each object, not refined; arguments as for a call."""
        backend = select_backend(self.compile, problem.camera)
        problem, mean = problem.masked(problem.usable()).centred()
        subsets = self._draw(problem, backend, generator)
        uniform = torch.rand(
            self.num_proposals * len(problem),
            self.dof - 3,
            dtype=problem.x3d.dtype,
            device=problem.device,
            generator=generator,
        )
        uniform = backend.layout.rows(uniform.mT)
        guess = backend.guess(pose_type(self.dof), subsets, uniform)
        solver = LMSolver(self.num_iter, compile=self.compile)
        state = solver.minimise(subsets, guess, final_model=False)
        state = state.first(self.num_proposals * len(problem))
        poses = finite_poses(state.pose)[0].unflatten(0, (self.num_proposals, len(problem)))
        if pose_extra is not None:
            check_shape("pose_extra", pose_extra, (len(problem), pose_type(self.dof).dim))
            extra = move_origin(finite_poses(pose_extra.to(poses.dtype))[0], mean)
            poses = torch.cat((poses, extra[None]))
        cost = backend.cost_of(problem.pack(OBJECT_ROWS), poses)
        best = cost.nan_to_num(nan=float("inf")).argmin(dim=0)
        return move_origin(poses.take_along_dim(best[None, :, None], dim=0)[0], -mean)

    def _draw(
        self, problem: PnPProblem, backend: Backend, generator: torch.Generator | None
    ) -> PackedProblem:
        """Problems of num_proposals * B objects, proposals first, of num_points points."""
        points = draw_points(problem.w2d.mean(-1), self.num_proposals, self.num_points, generator)
        numbers = torch.cat((problem.x3d, problem.x2d, problem.w2d), dim=-1)
        x3d, x2d, w2d = gather(numbers, points, backend.layout).split((3, 2, 2))
        camera = problem.camera.packed(backend.layout, self.num_proposals)
        robust_cost = problem.robust_cost.packed(backend.layout, self.num_proposals)
        return PackedProblem(x3d, x2d, w2d, camera, robust_cost)
