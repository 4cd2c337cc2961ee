"""Nearest neighbours among the points of a model, for the same points after a rigid motion.

A general tree of points, such as scipy's, starts each search anew. Here the points that are looked
for are those of the tree, moved: the neighbour of the point before, which lies beside this one,
bounds the search to a few leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .compiled import compiled

_LEAF = 16


@dataclass(frozen=True, eq=False)
class PointTree:
    """A balanced binary tree of boxes around n points; node i has the children 2 i + 1, 2 i + 2.

    Attributes:
        points: (n, 3), those of a leaf in a row.
        boxes: (N, 2, 3) least and greatest coordinates of each node.
        starts: (L + 1,) first point of each of the L leaves, which are the last L nodes, and n.
    """

    points: np.ndarray
    boxes: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> PointTree:
        """The tree of points (n, 3), n at least 1."""
        depth = max(int(np.ceil(np.log2(len(points) / _LEAF))), 0)
        order, starts = np.arange(len(points)), np.array([0, len(points)])
        for _ in range(depth):
            halves = [starts[:1]]
            for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
                part = points[order[first:last]]
                axis = np.ptp(part, axis=0).argmax()
                middle = (last - first) // 2
                split = np.argpartition(part[:, axis], middle)
                order[first:last] = order[first:last][split]
                halves.append(np.array([first + middle, last]))
            starts = np.concatenate(halves)
        ordered = np.ascontiguousarray(points[order], float)
        low = np.minimum.reduceat(ordered, starts[:-1])
        high = np.maximum.reduceat(ordered, starts[:-1])
        boxes = [np.stack([low, high], axis=1)]
        for _ in range(depth):
            low = boxes[0][:, 0].reshape(-1, 2, 3).min(axis=1)
            high = boxes[0][:, 1].reshape(-1, 2, 3).max(axis=1)
            boxes.insert(0, np.stack([low, high], axis=1))
        return cls(ordered, np.concatenate(boxes), starts)

    def mean_distance(self, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """Mean distance of the moved points from the nearest of the points where they are.

        Args:
            rotation: (P, 3, 3).
            translation: (P, 3).

        Returns:
            (P,).
        """
        return _mean_nearest(rotation, translation, self.points, self.boxes, self.starts)


@compiled
def _to_box(x: float, y: float, z: float, box: np.ndarray) -> float:
    """Squared distance of a point from a box (2, 3)."""
    dx = max(box[0, 0] - x, 0.0, x - box[1, 0])
    dy = max(box[0, 1] - y, 0.0, y - box[1, 1])
    dz = max(box[0, 2] - z, 0.0, z - box[1, 2])
    return dx * dx + dy * dy + dz * dz


@compiled
def _mean_nearest(
    rotation: np.ndarray,
    translation: np.ndarray,
    points: np.ndarray,
    boxes: np.ndarray,
    starts: np.ndarray,
) -> np.ndarray:
    means = np.empty(len(rotation))
    first_leaf = len(boxes) - (len(starts) - 1)
    nodes, bounds = np.empty(128, np.int64), np.empty(128)
    for p in range(len(rotation)):
        r, t = rotation[p], translation[p]
        total, nearest = 0.0, 0
        for i in range(len(points)):
            u, v, w = points[i, 0], points[i, 1], points[i, 2]
            x = r[0, 0] * u + r[0, 1] * v + r[0, 2] * w + t[0]
            y = r[1, 0] * u + r[1, 1] * v + r[1, 2] * w + t[1]
            z = r[2, 0] * u + r[2, 1] * v + r[2, 2] * w + t[2]
            best = (x - u) ** 2 + (y - v) ** 2 + (z - w) ** 2
            dx, dy, dz = x - points[nearest, 0], y - points[nearest, 1], z - points[nearest, 2]
            if dx * dx + dy * dy + dz * dz < best:
                best = dx * dx + dy * dy + dz * dz
            else:
                nearest = i
            nodes[0], bounds[0], size = 0, 0.0, 1
            while size:
                size -= 1
                if bounds[size] >= best:
                    continue
                node = nodes[size]
                if node >= first_leaf:
                    leaf = node - first_leaf
                    for k in range(starts[leaf], starts[leaf + 1]):
                        dx, dy, dz = x - points[k, 0], y - points[k, 1], z - points[k, 2]
                        distance = dx * dx + dy * dy + dz * dz
                        if distance < best:
                            best, nearest = distance, k
                else:
                    near, far = 2 * node + 1, 2 * node + 2
                    to_near, to_far = _to_box(x, y, z, boxes[near]), _to_box(x, y, z, boxes[far])
                    if to_far < to_near:
                        near, far, to_near, to_far = far, near, to_far, to_near
                    # The last one is looked at first.
                    if to_far < best:
                        nodes[size], bounds[size] = far, to_far
                        size += 1
                    if to_near < best:
                        nodes[size], bounds[size] = near, to_near
                        size += 1
            total += np.sqrt(best)
        means[p] = total / len(points)
    return means
