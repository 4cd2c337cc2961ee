"""What ``train_cfg`` and ``test_cfg`` of a 6 DoF config may hold; an unknown key is a TypeError."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import check_counts


@dataclass(frozen=True)
class PoseTrainSettings:
    """Training settings.

    Attributes:
        num_points: cells drawn from each crop, without replacement.
        num_proposals: random proposals of the initial pose, beside the true one.
        solver_iters: Levenberg-Marquardt iterations from the best of them.
        mc_samples: pose samples of an object, over all rounds.
        mc_rounds: rounds of adaptive importance sampling.

    Raises:
        UserError: a value is of another type or below 1, or ``mc_samples`` no multiple of
            ``mc_rounds``.
    """

    num_points: int = 512
    num_proposals: int = 4
    solver_iters: int = 5
    mc_samples: int = 512
    mc_rounds: int = 4

    def __post_init__(self) -> None:
        check_counts(self, "train_cfg", tuple(vars(self)))


@dataclass(frozen=True)
class PoseTestSettings:
    """Inference settings.

    Attributes:
        num_proposals: random proposals of the initial pose.
        solver_iters: Levenberg-Marquardt iterations on all cells, from the best of them.
        mc_samples: pose samples of an object, over all rounds; drawn only where they are needed.
        mc_rounds: rounds of adaptive importance sampling.
        return_correspondences: attach the maps of coordinates and weights to the samples.
        return_posterior: attach the samples of the posterior;
            :class:`~epropnp_det.structures.ObjectPoseSample` names the fields.

    Raises:
        UserError: a value is of another type, a number of things below 1, or ``mc_samples`` no
            multiple of ``mc_rounds``.
    """

    num_proposals: int = 64
    solver_iters: int = 30
    mc_samples: int = 512
    mc_rounds: int = 4
    return_correspondences: bool = False
    return_posterior: bool = False

    def __post_init__(self) -> None:
        counts = ("num_proposals", "solver_iters", "mc_samples", "mc_rounds")
        check_counts(self, "test_cfg", counts)
