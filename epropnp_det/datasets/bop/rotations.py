"""Matrices of files that should be rotations."""

import numpy as np

# Some of BOP's own matrices are rounded to three digits.
_ROUNDING = 0.02


def are_rotations(matrices: np.ndarray) -> np.ndarray:
    """Which matrices (N, 3, 3) are rotations but for rounding, (N,) bool."""
    product = matrices @ matrices.transpose(0, 2, 1)
    off = np.abs(product - np.eye(3)).max(axis=(1, 2), initial=0)
    with np.errstate(invalid="ignore"):  # of what is no number
        return (off <= _ROUNDING) & (np.linalg.det(matrices) > 0)
