"""Greedy matching against a plain search."""

import numpy as np
import pytest

from epropnp_det.evaluation.bop import Estimates, Poses, Truth
from epropnp_det.evaluation.bop.matching import Pairs


def estimates_of(ids: list[tuple[int, int, int]], scores: list[float]) -> Estimates:
    columns = np.array(ids, int).reshape(-1, 3).T
    count = len(scores)
    poses = Poses(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
    return Estimates(*columns, np.array(scores, float), poses, np.zeros(count))


def truth_of(ids: list[tuple[int, int, int]], counts: dict) -> Truth:
    columns = np.array(ids, int).reshape(-1, 3).T
    count = len(ids)
    poses = Poses(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
    size, cameras = np.full((count, 2), 640), np.tile(np.eye(3), (count, 1, 1))
    return Truth(None, *columns, poses, cameras, size, counts, {})


def test_pairs_are_of_the_same_image_and_object():
    truth = truth_of(
        [(1, 0, 5), (1, 0, 5), (1, 0, 6), (2, 0, 5)], {(1, 0, 5): 2, (1, 0, 6): 1, (2, 0, 5): 1}
    )
    found = estimates_of(
        [(1, 0, 6), (1, 0, 5), (3, 0, 5), (1, 0, 5), (1, 1, 5), (1, 0, 5)],
        [0.1, 0.2, 0.9, 0.7, 0.9, 0.5],
    )
    pairs = Pairs.of(found, truth)
    # Two estimates of the twofold target count, the better ones.
    assert pairs.estimate.tolist() == [3, 3, 5, 5, 0]
    assert pairs.true.tolist() == [0, 1, 0, 1, 2]
    assert len(pairs) == 5


def test_of_equal_scores_the_first_counts():
    pairs = Pairs.of(
        estimates_of([(1, 0, 5)] * 3, [0.5] * 3), truth_of([(1, 0, 5)], {(1, 0, 5): 1})
    )
    assert pairs.estimate.tolist() == [0]


def test_the_better_score_chooses_first():
    pairs = Pairs(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), 2)
    errors = np.array([3.0, 4.0, 1.0, 9.0])
    assert pairs.matched_errors(errors, 10).tolist() == [3, 9]
    assert pairs.matched_errors(errors, 9).tolist() == [3, np.inf]
    assert pairs.matched_errors(errors, 3).tolist() == [1, np.inf]
    assert pairs.matched_errors(errors, np.inf).tolist() == [3, 9]


def plain_match(pairs: Pairs, errors: np.ndarray, threshold: float) -> np.ndarray:
    matched = np.full(pairs.num_true, np.inf)
    for estimate in dict.fromkeys(pairs.estimate.tolist()):
        rows = [
            row
            for row in np.flatnonzero(pairs.estimate == estimate)
            if errors[row] < threshold and np.isinf(matched[pairs.true[row]])
        ]
        if rows:
            best = min(rows, key=lambda row: errors[row])
            matched[pairs.true[best]] = errors[best]
    return matched


@pytest.mark.parametrize("seed", range(5))
def test_random_pairs(seed):
    rng = np.random.default_rng(seed)
    keys = [(1, image, 5) for image in range(4)]
    truth = truth_of([keys[i] for i in rng.integers(0, 4, 12)], dict.fromkeys(keys, 3))
    found = estimates_of([keys[i] for i in rng.integers(0, 4, 20)], rng.uniform(size=20).tolist())
    pairs = Pairs.of(found, truth)
    errors = rng.uniform(0, 1, len(pairs))
    for threshold in (0.2, 0.5, 1.0):
        np.testing.assert_array_equal(
            pairs.matched_errors(errors, threshold), plain_match(pairs, errors, threshold)
        )


def test_nothing_was_estimated():
    pairs = Pairs.of(estimates_of([], []), truth_of([(1, 0, 5)], {(1, 0, 5): 1}))
    assert len(pairs) == 0
    assert np.isinf(pairs.matched_errors(np.zeros(0), 1.0)).tolist() == [True]
