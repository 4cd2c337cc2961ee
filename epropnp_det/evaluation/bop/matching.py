"""Which estimate is of which true object, as the BOP challenge of 2019 decides it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from .compiled import compiled
from .estimates import Estimates
from .truth import Key, Truth


@dataclass(frozen=True, eq=False)
class Pairs:
    """M pairs of an estimate and a true object of the same image and model.

    Those of an estimate follow one another; of an image, estimates of higher score come first.

    Attributes:
        estimate: (M,) index of the estimate.
        true: (M,) index of the true object.
        num_true: number of true objects N.
    """

    estimate: np.ndarray
    true: np.ndarray
    num_true: int

    @classmethod
    def of(cls, estimates: Estimates, truth: Truth) -> Pairs:
        """The pairs of what was estimated and what is to be found.

        Of each target as many estimates count as there are instances to be found, those of the
        highest score (of equals the first); other images and objects do not count.
        """
        members: dict[Key, list[int]] = defaultdict(list)
        for index, key in enumerate(truth.keys()):
            members[key].append(index)
        left = dict(truth.counts)
        columns = (estimates.scene_id, estimates.im_id, estimates.obj_id)
        keys = list(zip(*(column.tolist() for column in columns), strict=True))
        found, true = [], []
        for index in np.argsort(-estimates.score, kind="stable").tolist():
            key = keys[index]
            if left.get(key, 0) > 0:
                left[key] -= 1
                found += [index] * len(members[key])
                true += members[key]
        return cls(np.array(found, int), np.array(true, int), len(truth))

    def __len__(self) -> int:
        return len(self.true)

    def matched_errors(self, errors: np.ndarray, threshold: float) -> np.ndarray:
        """The error of the estimate that each true object is found by.

        By descending score each estimate takes that of the objects left of which its error is
        least, if that is below the threshold.

        Args:
            errors: (M,).
            threshold: an error is right below it.

        Returns:
            (N,), inf where none is found.
        """
        errors = np.ascontiguousarray(errors, float)
        return _match(self.estimate, self.true, errors, float(threshold), self.num_true)


@compiled
def _match(
    estimate: np.ndarray, true: np.ndarray, errors: np.ndarray, threshold: float, num_true: int
) -> np.ndarray:
    matched = np.full(num_true, np.inf)
    pair = 0
    while pair < len(true):
        current, best, least = estimate[pair], -1, threshold
        while pair < len(true) and estimate[pair] == current:
            if matched[true[pair]] == np.inf and errors[pair] < least:
                best, least = true[pair], errors[pair]
            pair += 1
        if best >= 0:
            matched[best] = least
    return matched
