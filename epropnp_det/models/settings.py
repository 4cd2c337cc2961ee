"""What a config's ``train_cfg`` and ``test_cfg`` may hold; an unknown key raises TypeError."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UserError
from ..setting_types import check_setting_types

_POSE_COUNTS = ("solver_iters", "mc_samples", "mc_rounds")


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
        check_counts(self, "train_cfg", ("samples_per_img", *_POSE_COUNTS))


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
        check_counts(self, "test_cfg", ("max_per_img", *_POSE_COUNTS))
        if not 0 <= self.mc_scoring_ratio <= 1:
            raise UserError(
                f"test_cfg.mc_scoring_ratio is {self.mc_scoring_ratio}: give one between 0 and 1."
            )


def check_counts(settings: object, key: str, names: Sequence[str]) -> None:
    """Make sure that settings have their declared types, and that numbers of things make sense.

    Args:
        settings: a dataclass.
        key: where they stand in the config, for the message.
        names: of the numbers of things.

    Raises:
        UserError: naming the first that is wrong.
    """
    values = vars(settings)
    check_setting_types(type(settings), values, key)
    for name in names:
        if values[name] < 1:
            raise UserError(f"{key}.{name} is {values[name]}: give at least 1.")
    if "mc_samples" in values and values["mc_samples"] % values["mc_rounds"]:
        raise UserError(
            f"{key}.mc_samples is {values['mc_samples']}: give a positive multiple of mc_rounds, "
            f"which is {values['mc_rounds']}."
        )
