"""What a config's ``train_cfg`` and ``test_cfg`` may hold; an unknown key raises TypeError."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UserError
from ..setting_types import check_setting_types


@dataclass(frozen=True)
class TrainSettings:
    """Training settings, shared by both heads.

    Attributes:
        samples_per_img: positives an image for the per-object losses.
        solver_iters: Levenberg-Marquardt iterations from the best initial pose.
        mc_samples: pose samples of an object, over all rounds.
        mc_rounds: rounds of adaptive importance sampling.

    Raises:
        UserError: a value is of another type, a number of things below 1, or ``mc_samples`` no
            multiple of ``mc_rounds``.
    """

    samples_per_img: int = 48
    solver_iters: int = 10
    mc_samples: int = 128
    mc_rounds: int = 4

    def __post_init__(self) -> None:
        _check(self, "train_cfg", "samples_per_img")


@dataclass(frozen=True)
class TestSettings:
    """Inference settings, shared by both heads.

    Attributes:
        score_thr: least class score times centerness of an object.
        max_per_img: most objects in an image.
        solver_iters: Levenberg-Marquardt iterations from the best initial pose.
        mc_scoring_ratio: share of the Monte Carlo score, the posterior's own expectation, in the
            3D score; the rest is the network's.
        mc_samples: pose samples of an object, over all rounds; drawn only where they are needed.
        mc_rounds: rounds of adaptive importance sampling.
        return_correspondences: attach each box's correspondences to ``pred_instances_3d``.
        return_posterior: attach the posterior of its pose; :class:`PosePredictor` names the fields.

    Raises:
        UserError: a value is of another type, a number of things below 1, ``mc_scoring_ratio`` not
            between 0 and 1, or ``mc_samples`` no multiple of ``mc_rounds``.
    """

    __test__ = False  # not a test case, whatever its name says to pytest

    score_thr: float = 0.04
    max_per_img: int = 256
    solver_iters: int = 5
    mc_scoring_ratio: float = 0.0
    mc_samples: int = 512
    mc_rounds: int = 4
    return_correspondences: bool = False
    return_posterior: bool = False

    def __post_init__(self) -> None:
        _check(self, "test_cfg", "max_per_img")
        if not 0 <= self.mc_scoring_ratio <= 1:
            raise UserError(
                f"test_cfg.mc_scoring_ratio is {self.mc_scoring_ratio}: give one between 0 and 1."
            )


def _check(settings: TrainSettings | TestSettings, key: str, most_objects: str) -> None:
    """Types, numbers of things, and samples that the rounds share evenly."""
    check_setting_types(type(settings), vars(settings), key)
    for name in (most_objects, "solver_iters", "mc_samples", "mc_rounds"):
        if (value := getattr(settings, name)) < 1:
            raise UserError(f"{key}.{name} is {value}: give at least 1.")
    if settings.mc_samples % settings.mc_rounds:
        raise UserError(
            f"{key}.mc_samples is {settings.mc_samples}: give a positive multiple of mc_rounds, "
            f"which is {settings.mc_rounds}."
        )
