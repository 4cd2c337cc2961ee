"""The EPro-PnP layer: from correspondences to a pose and its posterior density."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .monte_carlo import Posterior, sample_posterior
from .pose import finite_poses, pose_type
from .problem import PnPProblem
from .random_sample import RandomSampleSolver
from .tensor_batch import check_shape, full_precision


class EProPnP(nn.Module):
    """End-to-end probabilistic perspective-n-points (EPro-PnP, arXiv 2203.13254, section 3).

    Gradients reach x3d, x2d and w2d through the cost at the samples and at the ground truth alone;
    the solver and the sampling carry none. Nothing raises on data: an object that does not
    determine a pose comes out finite and not valid.

    Args:
        dof: degrees of freedom of the pose, 4.
        mc_samples: K, Monte Carlo samples per object.
        num_iter: rounds of adaptive importance sampling.
        solver: finds the mode; None for the default one.

    Raises:
        ValueError: if there is no pose type of ``dof`` degrees of freedom, or ``mc_samples`` is
            not a positive multiple of ``num_iter``.
    """

    def __init__(
        self,
        dof: int = 4,
        mc_samples: int = 128,
        num_iter: int = 4,
        solver: RandomSampleSolver | None = None,
    ) -> None:
        super().__init__()
        pose_type(dof)
        self.dof = dof
        self.num_iter = num_iter
        self.mc_samples = self._checked(mc_samples)
        self.solver = solver or RandomSampleSolver(dof=dof)

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
            pose_gt, finite = finite_poses(pose_gt.detach().to(problem.x3d))
            valid = valid & finite
        result = self.solver(problem, pose_gt, generator)
        valid = valid & result.valid

        sound = problem.masked(valid)
        samples, cost, log_proposal = sample_posterior(
            sound.detach(), result, num_samples, self.num_iter, generator
        )
        finite = (cost.isfinite() & log_proposal.isfinite()).all(0)
        if pose_gt is not None:
            with torch.no_grad():
                finite = finite & sound.cost(pose_gt).isfinite()
        valid = valid & finite & samples.isfinite().flatten(2).all(-1).all(0)

        # Objects found unsound on the way are taken out before, not after, the recorded
        # computation: otherwise their NaN would enter the gradient of the others' parameters.
        sound = problem.masked(valid)
        samples = finite_poses(samples)[0]
        log_proposal = torch.where(valid, log_proposal, torch.zeros_like(log_proposal))
        return Posterior(
            mode=result.pose,
            covariance=result.covariance,
            samples=samples,
            log_weights=-sound.cost(samples) - log_proposal,
            cost_gt=None if pose_gt is None else sound.cost(pose_gt),
            valid=valid,
        )

    def extra_repr(self) -> str:
        return (
            f"dof={self.dof}, mc_samples={self.mc_samples}, num_iter={self.num_iter}, "
            f"solver={self.solver}"
        )

    def _checked(self, mc_samples: int) -> int:
        if self.num_iter < 1 or mc_samples < 1 or mc_samples % self.num_iter:
            raise ValueError(
                f"mc_samples must be a positive multiple of num_iter, got {mc_samples} and "
                f"{self.num_iter}."
            )
        return mc_samples
