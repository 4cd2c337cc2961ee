"""The rotations of a posterior near its mode, where a sphere is too coarse to show them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from scipy.spatial.transform import Rotation

from ..style import FAINT, GROUND_TRUTH, HAIR, INK, LABEL, THICK

_SHOWN = 0.98  # share of the weight that lies within the axes
_LEAST = 0.05  # degrees to either side
_LARGEST = 14.0  # square points, of the sample with the largest weight
_STEPS = np.array([1.0, 2.0, 5.0, 10.0])  # at which the axes may end, times a power of ten


def turns_from(rotations: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """How far each rotation (K, 3, 3) is turned from another (3, 3) about the camera's axes.

    Returns:
        (K, 3) rotation vectors, degrees.
    """
    if not len(rotations):
        return np.zeros((0, 3))
    return Rotation.from_matrix(rotations @ origin.T).as_rotvec(degrees=True)


def reach_of(turns: np.ndarray, weight: np.ndarray) -> float:
    """Half of the side of a square that shows nearly all of the weight, a round number.

    Args:
        turns: (K, 2) degrees.
        weight: (K,) which add up to 1, or all zero.

    Returns:
        Degrees, from 0.05 to 180.
    """
    farthest = np.abs(turns).max(axis=1, initial=0)
    order = np.argsort(farthest)
    within = np.searchsorted(np.cumsum(weight[order]), _SHOWN).clip(max=len(order) - 1)
    reach = max(farthest[order[within]], _LEAST) if weight.any() else _LEAST
    power = 10.0 ** np.floor(np.log10(reach))
    return min(float(power * _STEPS[_STEPS * power >= reach * (1 - 1e-9)][0]), 180.0)


def draw_rotation_close_up(
    ax: Axes,
    rotations: np.ndarray,
    weight: np.ndarray,
    estimate: np.ndarray,
    error: np.ndarray | None = None,
) -> None:
    """Draw samples as dots by how far they are turned from the estimate about the camera's axes.

    Across is about x, up about y, blue to red about z, from one end of the axes to the other; the
    area of a dot is its weight. A cross is the estimate.

    Args:
        ax: where to draw.
        rotations: (K, 3, 3) samples.
        weight: (K,) their weights, which add up to 1, or all zero.
        estimate: (3, 3) rotation.
        error: (3,) rotation vector from the truth to the estimate, radians: the truth is a green
            circle, where the axes reach so far.
    """
    turns = turns_from(rotations, estimate)
    reach = reach_of(turns[:, :2], weight)
    if weight.any():
        ax.scatter(
            *turns[:, :2].T,
            s=_LARGEST * weight / weight.max(),
            c=turns[:, 2],
            cmap="coolwarm",
            vmin=-reach,
            vmax=reach,
            lw=0,
            alpha=0.85,
        )
    ax.scatter(0, 0, marker="+", s=26, c=INK, lw=HAIR + 0.3)
    if error is not None:
        ax.scatter(*-np.degrees(error[:2]), s=26, fc="none", ec=GROUND_TRUTH, lw=THICK)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ends = [-reach, 0, reach]
    ax.set(xticks=ends, yticks=ends, xticklabels=[f"{-reach:g}°", "", f"{reach:g}°"])
    ax.set(yticklabels=["", "", ""])
    ax.tick_params(labelsize=LABEL, length=1.5, pad=1, color=FAINT)
    ax.grid(color=FAINT, lw=HAIR)
    ax.set_axisbelow(True)
    ax.spines[:].set(color=FAINT, linewidth=HAIR)
