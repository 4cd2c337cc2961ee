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

    Raises:
        UserError: a value is of another type or below 1.
    """

    num_proposals: int = 64
    solver_iters: int = 30

    def __post_init__(self) -> None:
        check_counts(self, "test_cfg", tuple(vars(self)))
