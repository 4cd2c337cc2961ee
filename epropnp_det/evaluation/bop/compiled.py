"""Compilation of inner loops, kept on the disk for the next process where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

Loop = TypeVar("Loop", bound=Callable)

# Sums and maxima may be taken in any order, so that several points go at once. Infinities count.
_RULES = {"nnan", "nsz", "reassoc", "contract", "arcp"}


def compiled(loop: Loop) -> Loop:
    """Compile a loop at its first call."""
    try:
        return numba.njit(loop, fastmath=_RULES, error_model="numpy", cache=True)
    except RuntimeError:  # neither the package's folder nor the user's can be written to
        return numba.njit(loop, fastmath=_RULES, error_model="numpy")
