"""Matching by distance, against hand-made cases and the devkit's own count."""

import numpy as np
import pytest
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.utils import center_distance
from nuscenes.eval.detection.algo import accumulate
from nuscenes.eval.detection.data_classes import DetectionBox

from epropnp_det.evaluation.matching import match_by_distance


def matched(centers, scores, labels, true_centers, true_labels) -> list[tuple[int, int]]:
    arrays = (np.array(x, dtype=float).reshape(-1, 2) for x in (centers, true_centers))
    centers, true_centers = arrays
    pairs = match_by_distance(centers, scores, labels, true_centers, np.array(true_labels))
    return list(zip(*(x.tolist() for x in pairs), strict=True))


def test_best_score_chooses_first():
    """And takes the nearer object; the other detection is left with the farther one."""
    true = [[0, 0], [1, 0]]
    assert matched([[0.1, 0], [0.2, 0]], [0.3, 0.9], [0, 0], true, [0, 0]) == [(1, 0), (0, 1)]


def test_each_object_once():
    assert matched([[0, 0], [0, 0]], [0.5, 0.6], [0, 0], [[0, 0]], [0]) == [(1, 0)]


@pytest.mark.parametrize(("offset", "label"), [(2.0, 0), (0.0, 1)])
def test_too_far_or_another_class(offset, label):
    assert matched([[offset, 0]], [0.5], [label], [[0, 0]], [0]) == []
    assert matched([[1.99, 0]], [0.5], [0], [[0, 0]], [0]) == [(0, 0)]


def test_empty():
    assert matched([], [], np.zeros(0), [[0, 0]], [0]) == []
    assert matched([[0, 0]], [0.5], [0], [], []) == []


def boxes(centers, scores=None) -> EvalBoxes:
    found = EvalBoxes()
    scores = np.full(len(centers), -1.0) if scores is None else scores
    found.add_boxes(
        "sample",
        [
            DetectionBox(
                sample_token="sample",
                translation=(*center, 0),
                size=(2, 4, 1.5),
                rotation=(1, 0, 0, 0),
                detection_name="car",
                detection_score=float(score),
                attribute_name="vehicle.parked",
            )
            for center, score in zip(centers.tolist(), scores, strict=True)
        ],
    )
    return found


def test_as_many_as_the_devkit():
    rng = np.random.default_rng(0)
    for _ in range(5):
        true, centers = rng.uniform(0, 20, (15, 2)), rng.uniform(0, 20, (40, 2))
        scores = rng.permutation(40) / 40
        found, _ = match_by_distance(centers, scores, np.zeros(40), true, np.zeros(15))
        data = accumulate(boxes(true), boxes(centers, scores), "car", center_distance, 2.0)
        assert 0 < len(found) < 15
        # Recall is interpolated at 101 points.
        assert data.max_recall == pytest.approx(len(found) / 15, abs=0.011)
        assert data.max_recall <= len(found) / 15
