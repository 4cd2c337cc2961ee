"""Which detection found which object, as the nuScenes devkit decides it."""

from __future__ import annotations

import numpy as np


def match_by_distance(
    centers: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    true_centers: np.ndarray,
    true_labels: np.ndarray,
    max_distance: float = 2.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Match detections to objects of their class by the distance of the centres on the ground.

    The best score chooses first, and takes the nearest object that is still free (nuScenes,
    arXiv 1903.11027, section 3.2; ``accumulate`` of the devkit).

    Args:
        centers: (N, 2) of the detections, metres.
        scores: (N,).
        labels: (N,) classes.
        true_centers: (M, 2) of the objects, in the same frame.
        true_labels: (M,).
        max_distance: a match is nearer than this, metres.

    Returns:
        Indices (P,) of the matched detections, best first, and of their objects.
    """
    free = np.ones(len(true_labels), dtype=bool)
    pairs = []
    for i in np.argsort(-np.asarray(scores), kind="stable"):
        distance = np.linalg.norm(true_centers - centers[i], axis=-1)
        distance[~free | (true_labels != labels[i])] = np.inf
        nearest = distance.argmin() if len(distance) else None
        if nearest is not None and distance[nearest] < max_distance:
            free[nearest] = False
            pairs.append((i, nearest))
    found, objects = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return found, objects
