"""What a config's ``train_cfg`` and ``test_cfg`` may hold; an unknown key raises TypeError."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainSettings:
    """Training settings, shared by both heads.

    Attributes:
        samples_per_img: positives an image for the per-object losses.
        solver_iters: Levenberg-Marquardt iterations from the best initial pose.
        mc_samples: pose samples of an object, over all rounds.
        mc_rounds: rounds of adaptive importance sampling.
    """

    samples_per_img: int = 48
    solver_iters: int = 10
    mc_samples: int = 128
    mc_rounds: int = 4


@dataclass(frozen=True)
class TestSettings:
    """Inference settings, shared by both heads.

    Attributes:
        score_thr: least class score times centerness of an object.
        max_per_img: most objects in an image.
        solver_iters: Levenberg-Marquardt iterations from the best initial pose.
    """

    __test__ = False  # not a test case, whatever its name says to pytest

    score_thr: float = 0.04
    max_per_img: int = 256
    solver_iters: int = 5
