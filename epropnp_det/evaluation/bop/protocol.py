"""What is measured, and from where on a pose is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import UserError
from .visible_surface import DELTA, TAUS

AUC_LIMIT = 100.0
"""The greatest threshold under the curves of ADD and ADD-S, mm."""

SURFACE_THRESHOLDS = tuple(np.arange(1, 11) / 20)
"""BOP's for MSSD in diameters, and for VSD."""

PIXEL_THRESHOLDS = tuple(np.arange(5.0, 51.0, 5.0))
"""BOP's for MSPD, pixels of an image 640 wide."""


@dataclass(frozen=True)
class Protocol:
    """Thresholds of an evaluation.

    Attributes:
        ad: of ADD, of ADD-S for symmetric objects, in diameters.
        deg_cm: of rotation in degrees and translation in cm.
        proj: of the reprojection error, pixels.
        adi: whether to take the area under the curve of ADD-S for all objects, too.
        vsd: whether to render for VSD, which needs depth images.
        vsd_delta: tolerance of visibility, mm.

    Raises:
        UserError: a threshold is not positive, or a pair has no two numbers.
    """

    ad: Sequence[float] = (0.02, 0.05, 0.1)
    deg_cm: Sequence[Sequence[float]] = ((2, 2), (5, 5))
    proj: Sequence[float] = (5,)
    adi: bool = False
    vsd: bool = False
    vsd_delta: float = DELTA
    vsd_taus: tuple[float, ...] = field(default=TAUS, repr=False)

    def __post_init__(self) -> None:
        for name in ("ad", "proj"):
            if any(not value > 0 for value in getattr(self, name)):
                raise UserError(
                    f"{name} of the evaluator is {getattr(self, name)!r}: give positive thresholds."
                )
        if any(len(pair) != 2 or not min(pair) > 0 for pair in self.deg_cm):
            raise UserError(
                f"deg_cm of the evaluator is {self.deg_cm!r}: give pairs of degrees and cm."
            )
        if not self.vsd_delta > 0:
            raise UserError(
                f"vsd_delta of the evaluator is {self.vsd_delta!r}: give millimetres, 15 in BOP."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Keys of the scores, all of which are the better the higher they are."""
        return (
            *(f"ADD_{value:g}d" for value in self.ad),
            "AUC_ADD",
            *(("AUC_ADI",) if self.adi else ()),
            *(deg_cm_name(pair) for pair in self.deg_cm),
            *(f"proj_{value:g}px" for value in self.proj),
            *(("AR_VSD",) if self.vsd else ()),
            "AR_MSSD",
            "AR_MSPD",
            *(("AR",) if self.vsd else ()),
        )

    @property
    def main(self) -> str:
        """The score that a network is judged by."""
        return f"ADD_{max(self.ad):g}d" if self.ad else "AR_MSPD"


def deg_cm_name(pair: Sequence[float]) -> str:
    """As in 5deg_5cm."""
    return f"{pair[0]:g}deg_{pair[1]:g}cm"
