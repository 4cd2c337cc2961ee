"""The EPro-PnP layer: from correspondences to a pose and its posterior density."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .backend import Backend, select_backend
from .differentiable_cost import differentiable_cost
from .lm_result import LMResult
from .look_alikes import mirrored
from .monte_carlo import Posterior
from .pose import finite_poses, keep_poses, pose_type
from .problem import CentredObjects, PnPProblem
from .random_sample import RandomSampleSolver
from .samplers import SAMPLERS, select_sampler
from .tensor_batch import all_finite, check_shape, full_precision


class EProPnP(nn.Module):
    """End-to-end probabilistic perspective-n-points (EPro-PnP, arXiv 2203.13254, section 3).

    Gradients reach x3d, x2d and w2d through the cost at the samples and at the ground truth alone;
    the solver and the sampling carry none. Nothing raises on data: an object that does not
    determine a pose comes out finite and not valid.

    Args:
        dof: degrees of freedom of the pose, 4 or 6.
        mc_samples: K, Monte Carlo samples per object.
        num_iter: rounds of adaptive importance sampling.
        solver: finds the mode; None for the default one.
        sampler: ``joint_t``, or ``amis`` for the published one.
        compile: compile the inner loops at first use, which takes some minutes, once.

    Raises:
        ValueError: if there is no pose type of ``dof`` degrees of freedom, no such sampler, or
            ``mc_samples`` is not a positive multiple of ``num_iter``.

    Example:
        >>> posterior = EProPnP(dof=4)(problem, pose)  # those of the example of PnPProblem
        >>> posterior.samples.shape
        torch.Size([128, 1, 4])
        >>> mean = (posterior.log_weights.softmax(0)[..., None] * posterior.samples).sum(0)
        >>> (mean - pose).abs() < 0.3
        tensor([[True, True, True, True]])
    """

    def __init__(
        self,
        dof: int = 4,
        mc_samples: int = 128,
        num_iter: int = 4,
        solver: RandomSampleSolver | None = None,
        sampler: str = "joint_t",
        compile: bool = False,
    ) -> None:
        super().__init__()
        pose_type(dof)
        if sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, got {sampler!r}.")
        self.dof = dof
        self.num_iter = num_iter
        self.mc_samples = self._checked(mc_samples)
        self.solver = solver or RandomSampleSolver(dof=dof, compile=compile)
        self.sampler = sampler
        self.compile = compile

    @full_precision
    def forward(
        self,
        problem: PnPProblem,
        pose_gt: Tensor | None = None,
        generator: torch.Generator | None = None,
        mc_samples: int | None = None,
    ) -> Posterior:
        """Posterior of the pose of each object.

        Args:
            problem: B objects.
            pose_gt: (B, P) ground truth, which competes as one more initial proposal and whose
                cost is returned; or None.
            generator: source of random numbers, on the problem's device.
            mc_samples: K for this call.

        Raises:
            ValueError: if ``pose_gt`` has another shape, or ``mc_samples`` does not fit.
        """
        num_samples = self.mc_samples if mc_samples is None else self._checked(mc_samples)
        valid = torch.ones(len(problem), dtype=torch.bool, device=problem.device)
        if pose_gt is not None:
            check_shape("pose_gt", pose_gt, (len(problem), pose_type(self.dof).dim))
        if self.compile and len(problem) == 1:  # for a compiler one is a case of its own
            pose_gt = None if pose_gt is None else pose_gt.repeat(2, 1)
            twice = PnPProblem.cat([problem, problem])
            return self.forward(twice, pose_gt, generator, mc_samples)[:1]
        if pose_gt is not None:
            pose_gt, finite = finite_poses(pose_gt.detach().to(problem.x3d))
            valid = valid & finite
        objects = problem.centred_objects()
        pose_gt = None if pose_gt is None else objects.frame.enter(pose_gt)
        centred, result = self.solver.solve_centred(objects, pose_gt, generator)
        backend = select_backend(self.compile, problem.camera)
        poses, cost, log_proposal, sound = self._sample(
            objects, centred, pose_gt, num_samples, backend, generator
        )
        sound = sound & valid
        cost = differentiable_cost(
            cost, problem, objects.rows, objects.frame.unit, poses, sound, backend
        )
        frame = objects.frame.kept(result.valid)
        return Posterior(
            mode=result.pose,
            covariance=result.covariance,
            samples=frame.leave(poses[:num_samples]),
            log_weights=-cost[:num_samples] - log_proposal + 3 * frame.unit.log(),
            cost_gt=None if pose_gt is None else cost[-1],
            valid=sound,
            modes=result.modes,
        )

    @torch.no_grad()
    def _sample(
        self,
        objects: CentredObjects,
        result: LMResult,
        pose_gt: Tensor | None,
        num_samples: int,
        backend: Backend,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Samples, then the ground truth if there is one, of centred objects.

        Returns:
            Poses (K + 1, B, P), their costs (K + 1, B), the samples' log proposal density (K, B),
            and whether an object and all its numbers are sound, (B,) bool. The others' are finite.
        """

        def evaluate(poses: Tensor) -> Tensor:
            by_object = poses.permute(1, 2, 0).contiguous()
            return backend.cost_of_poses(objects.rows, by_object, backend.points_per_block).mT

        image = mirrored(result.pose, objects.normal)
        at_best, at_image = evaluate(torch.stack((result.pose, image)))
        places = backend.with_mirror_image(result.modes, image, at_best - at_image)
        poses, cost, log_proposal = select_sampler(self.sampler, backend)(
            evaluate, places, num_samples, self.num_iter, generator
        )
        if pose_gt is not None:
            by_object = (poses.permute(1, 2, 0), pose_gt[..., None])
            poses = torch.cat(by_object, dim=-1).permute(2, 0, 1)
            # Compilers treat a size of one as a case of its own.
            cost = torch.cat((cost, evaluate(pose_gt.expand(2, -1, -1))[:1]))
        finite = all_finite(poses, (0, 2))
        poses = keep_poses(poses, finite)
        sound = finite & all_finite(cost, 0) & all_finite(log_proposal, 0) & result.valid
        cost, log_proposal = (
            torch.where(sound, values, torch.zeros_like(values)) for values in (cost, log_proposal)
        )
        return poses, cost, log_proposal, sound

    def extra_repr(self) -> str:
        return (
            f"dof={self.dof}, mc_samples={self.mc_samples}, num_iter={self.num_iter}, "
            f"solver={self.solver}, sampler={self.sampler!r}, compile={self.compile}"
        )

    def _checked(self, mc_samples: int) -> int:
        if self.num_iter < 1 or mc_samples < 1 or mc_samples % self.num_iter:
            raise ValueError(
                f"mc_samples must be a positive multiple of num_iter, got {mc_samples} and "
                f"{self.num_iter}."
            )
        return mc_samples
