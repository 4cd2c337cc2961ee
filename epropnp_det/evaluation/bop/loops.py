"""Inner loops over the points of a model, in double precision, compiled.

Points come as (3, n), x, y and z each in a row, so that the processor takes several at once.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled

PROBES = 32
"""So many points are looked at first, to find out whether a symmetry can be the best."""


@compiled
def mean_distance(matrix: np.ndarray, shift: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mean of abs(A x + b) over the points.

    Args:
        matrix: (P, 3, 3).
        shift: (P, 3).
        points: (3, n).

    Returns:
        (P,).
    """
    num = points.shape[1]
    means = np.empty(len(matrix))
    for p in range(len(matrix)):
        a, b = matrix[p], shift[p]
        total = 0.0
        for i in range(num):
            x, y, z = points[0, i], points[1, i], points[2, i]
            dx = a[0, 0] * x + a[0, 1] * y + a[0, 2] * z + b[0]
            dy = a[1, 0] * x + a[1, 1] * y + a[1, 2] * z + b[1]
            dz = a[2, 0] * x + a[2, 1] * y + a[2, 2] * z + b[2]
            total += np.sqrt(dx * dx + dy * dy + dz * dz)
        means[p] = total / num
    return means


@compiled
def _greatest_distance(
    a: np.ndarray, b: np.ndarray, points: np.ndarray, first: int, last: int
) -> float:
    """Greatest squared abs(A x + b) of the points first to last - 1."""
    greatest = 0.0
    for i in range(first, last):
        x, y, z = points[0, i], points[1, i], points[2, i]
        dx = a[0, 0] * x + a[0, 1] * y + a[0, 2] * z + b[0]
        dy = a[1, 0] * x + a[1, 1] * y + a[1, 2] * z + b[1]
        dz = a[2, 0] * x + a[2, 1] * y + a[2, 2] * z + b[2]
        greatest = max(greatest, dx * dx + dy * dy + dz * dz)
    return greatest


@compiled
def least_greatest_distance(
    rotation_est: np.ndarray,
    translation_est: np.ndarray,
    rotation: np.ndarray,
    translation: np.ndarray,
    sym_rotation: np.ndarray,
    sym_translation: np.ndarray,
    points: np.ndarray,
) -> np.ndarray:
    """Least, over the symmetries, of the greatest distance of a point in two poses.

    The first points tell which symmetry is the most promising; of the others most are given up
    after those few, since the greatest distance of some points is a lower bound for that of all.

    Args:
        rotation_est, translation_est: (P, 3, 3) and (P, 3).
        rotation, translation: likewise, each symmetry comes before.
        sym_rotation, sym_translation: (S, 3, 3) and (S, 3).
        points: (3, n).

    Returns:
        (P,).
    """
    num, num_syms = points.shape[1], len(sym_rotation)
    probes = min(PROBES, num)
    least = np.empty(len(rotation))
    a, b, bounds = np.empty((num_syms, 3, 3)), np.empty((num_syms, 3)), np.empty(num_syms)
    for p in range(len(rotation)):
        for s in range(num_syms):
            for i in range(3):
                b[s, i] = translation_est[p, i] - translation[p, i]
                for k in range(3):
                    b[s, i] -= rotation[p, i, k] * sym_translation[s, k]
                for j in range(3):
                    a[s, i, j] = rotation_est[p, i, j]
                    for k in range(3):
                        a[s, i, j] -= rotation[p, i, k] * sym_rotation[s, k, j]
            bounds[s] = _greatest_distance(a[s], b[s], points, 0, probes)
        start = np.argmin(bounds)
        best = max(bounds[start], _greatest_distance(a[start], b[start], points, probes, num))
        for s in range(num_syms):
            greatest, first = bounds[s], probes
            while greatest < best and first < num:
                last = min(2 * first, num)
                greatest = max(greatest, _greatest_distance(a[s], b[s], points, first, last))
                first = last
            best = min(best, greatest)
        least[p] = np.sqrt(best)
    return least


@compiled
def project(projection: np.ndarray, points: np.ndarray, pixels: np.ndarray) -> None:
    """Pixels (2, n) of points (3, n) by a matrix (3, 4), written to ``pixels``."""
    m = projection
    for i in range(points.shape[1]):
        x, y, z = points[0, i], points[1, i], points[2, i]
        inverse = 1.0 / (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        pixels[0, i] = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) * inverse
        pixels[1, i] = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) * inverse


@compiled
def _greatest_pixel_distance(
    m: np.ndarray, points: np.ndarray, pixels: np.ndarray, first: int, last: int
) -> float:
    """Greatest squared distance of the points first to last - 1 from ``pixels`` (2, n)."""
    greatest = 0.0
    for i in range(first, last):
        x, y, z = points[0, i], points[1, i], points[2, i]
        inverse = 1.0 / (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        du = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) * inverse - pixels[0, i]
        dv = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) * inverse - pixels[1, i]
        greatest = max(greatest, du * du + dv * dv)
    return greatest


@compiled
def least_greatest_pixel_distance(
    projection_est: np.ndarray, projection: np.ndarray, symmetry: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """As :func:`least_greatest_distance`, of the points' projections.

    Args:
        projection_est, projection: (P, 3, 4), camera matrix times pose.
        symmetry: (S, 4, 4).
        points: (3, n).

    Returns:
        (P,) pixels.
    """
    num, num_syms = points.shape[1], len(symmetry)
    probes = min(PROBES, num)
    least, pixels = np.empty(len(projection)), np.empty((2, num))
    m, bounds = np.empty((num_syms, 3, 4)), np.empty(num_syms)
    for p in range(len(projection)):
        project(projection_est[p], points, pixels)
        for s in range(num_syms):
            for i in range(3):
                for j in range(4):
                    m[s, i, j] = 0.0
                    for k in range(4):
                        m[s, i, j] += projection[p, i, k] * symmetry[s, k, j]
            bounds[s] = _greatest_pixel_distance(m[s], points, pixels, 0, probes)
        start = np.argmin(bounds)
        rest = _greatest_pixel_distance(m[start], points, pixels, probes, num)
        best = max(bounds[start], rest)
        for s in range(num_syms):
            greatest, first = bounds[s], probes
            while greatest < best and first < num:
                last = min(2 * first, num)
                found = _greatest_pixel_distance(m[s], points, pixels, first, last)
                greatest = max(greatest, found)
                first = last
            best = min(best, greatest)
        least[p] = np.sqrt(best)
    return least


@compiled
def least_mean_pixel_distance(
    projection_est: np.ndarray, projection: np.ndarray, symmetry: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """As :func:`least_greatest_pixel_distance`, of the mean in place of the greatest distance."""
    num = points.shape[1]
    least, pixels = np.empty(len(projection)), np.empty((2, num))
    m = np.empty((3, 4))
    for p in range(len(projection)):
        project(projection_est[p], points, pixels)
        least[p] = np.inf
        for s in range(len(symmetry)):
            for i in range(3):
                for j in range(4):
                    m[i, j] = 0.0
                    for k in range(4):
                        m[i, j] += projection[p, i, k] * symmetry[s, k, j]
            total = 0.0
            for i in range(num):
                x, y, z = points[0, i], points[1, i], points[2, i]
                inverse = 1.0 / (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
                du = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) * inverse - pixels[0, i]
                dv = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) * inverse - pixels[1, i]
                total += np.sqrt(du * du + dv * dv)
            least[p] = min(least[p], total / num)
    return least
