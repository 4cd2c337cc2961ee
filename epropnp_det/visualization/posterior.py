"""Densities of the pose posterior from its weighted samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import i0e

_FULL_TURN = 2 * np.pi
_LEAST_BANDWIDTH = np.radians(1.0)
_MOST_BANDWIDTH = np.radians(15.0)
_LEAST_SPREAD = 0.02  # metres


@dataclass(frozen=True)
class PoseSamples:
    """Weighted pose samples of M objects, K each.

    Attributes:
        position: (M, K, 3) centres, metres.
        yaw: (M, K) about the camera's y axis, radians.
        weight: (M, K), which add up to 1 over an object's samples.
    """

    position: np.ndarray
    yaw: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.yaw)

    @classmethod
    def from_poses(cls, poses: np.ndarray, log_weights: np.ndarray) -> PoseSamples:
        """From ``pose_samples`` (M, K, 4) and ``pose_log_weights`` (M, K) of predictions.

        Log weights need not be normalised. An object none of whose samples has a finite weight has
        weights of zero, and so no density.
        """
        poses, log_weights = np.asarray(poses, float), np.asarray(log_weights, float)
        usable = np.isfinite(poses).all(-1) & np.isfinite(log_weights)
        log_weights = np.where(usable, log_weights, -np.inf)
        largest = log_weights.max(axis=1, keepdims=True, initial=-np.inf)
        weight = np.exp(log_weights - np.where(np.isfinite(largest), largest, 0))
        weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        poses = np.where(usable[..., None], poses, 0)
        return cls(poses[..., :3], poses[..., 3], weight)

    def transformed(self, transform: np.ndarray) -> PoseSamples:
        """Positions after a rigid transform (4, 4); the yaw stays the one about the camera's y."""
        return replace(self, position=self.position @ transform[:3, :3].T + transform[:3, 3])

    def __getitem__(self, index: np.ndarray | slice) -> PoseSamples:
        """The objects of an index array, mask or slice."""
        return PoseSamples(self.position[index], self.yaw[index], self.weight[index])


def plane_density(points: np.ndarray, weight: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Gaussian kernel density in a plane.

    The kernel has the samples' own covariance, shrunk by Scott's rule for as many samples as the
    weights are worth (D. W. Scott, Multivariate Density Estimation, 1992, section 6.3).

    Args:
        points: (K, 2) metres.
        weight: (K,) which add up to 1, or all zero.
        nodes: (..., 2) where to evaluate, metres.

    Returns:
        (...) in 1 / square metre; zero where the weights are.
    """
    if not weight.any():
        return np.zeros(nodes.shape[:-1])
    kept = weight > 1e-4 * weight.max()
    points, weight = points[kept], weight[kept] / weight[kept].sum()
    kernel = _spread(points, weight) * effective_size(weight) ** (-1 / 3)
    whitening = np.linalg.inv(np.linalg.cholesky(kernel))
    nodes, points = ((x - weight @ points) @ whitening.T for x in (nodes, points))
    squares = (nodes**2).sum(-1)[..., None] + (points**2).sum(-1) - 2 * nodes @ points.T
    value = np.exp(-0.5 * squares) @ weight
    return value * np.linalg.det(whitening) / _FULL_TURN


def plane_grid(
    points: np.ndarray, weight: np.ndarray, cells: int, reach: float = 4.0
) -> np.ndarray:
    """Nodes (cells, cells, 2) along the principal axes of samples, ``reach`` deviations each way.

    Args:
        points: (K, 2) metres.
        weight: (K,) which add up to 1.
        cells: nodes along each side.
        reach: half the grid's side, in standard deviations of the samples.
    """
    variance, axes = np.linalg.eigh(_spread(points, weight))
    steps = reach * np.linspace(-1, 1, cells)
    local = np.stack(np.meshgrid(steps, steps), -1) * np.sqrt(variance)
    return weight @ points + local @ axes.T


def yaw_density(yaw: np.ndarray, weight: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Density of the yaw with a von Mises kernel.

    The kernel's width follows Silverman's rule, within 1 and 15 degrees, from the spread of the
    doubled angles, which two opposite headings, the common ambiguity, do not blow up.

    Args:
        yaw: (K,) radians.
        weight: (K,) which add up to 1, or all zero.
        angles: (A,) where to evaluate, radians.

    Returns:
        (A,) in 1 / radian; its mean over a full turn is 1 / (2 pi), or 0 where all weights are.
    """
    if not weight.any():
        return np.zeros(len(angles))
    resultant = abs(weight @ np.exp(2j * yaw))
    spread = np.sqrt(-2 * np.log(np.clip(resultant, 1e-6, 1))) / 2
    width = 1.06 * spread * effective_size(weight) ** (-1 / 5)
    concentration = 1 / np.clip(width, _LEAST_BANDWIDTH, _MOST_BANDWIDTH) ** 2
    apart = angles[:, None] - yaw
    kernel = np.exp(concentration * (np.cos(apart) - 1)) / (_FULL_TURN * i0e(concentration))
    return kernel @ weight


def mass_levels(density: np.ndarray, masses: tuple[float, ...]) -> np.ndarray:
    """Densities whose contours enclose given shares of the whole, ascending (highest share first).

    Args:
        density: on a regular grid, not all zero.
        masses: shares between 0 and 1, descending.
    """
    descending = np.sort(density.ravel())[::-1]
    enclosed = np.cumsum(descending) / descending.sum()
    at = np.searchsorted(enclosed, masses).clip(max=len(descending) - 1)
    return descending[at]


def effective_size(weight: np.ndarray) -> float:
    """Number of equal samples that weights (K,), which add up to 1, are worth."""
    return 1 / (weight**2).sum()


def _spread(points: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted covariance (2, 2), never singular."""
    apart = points - weight @ points
    return (apart * weight[:, None]).T @ apart + _LEAST_SPREAD**2 * np.eye(2)
