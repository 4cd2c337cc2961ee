"""Scores of estimated poses, by object and over all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from terminaltables import AsciiTable

from .error_table import ErrorTable
from .matching import Pairs
from .protocol import AUC_LIMIT, PIXEL_THRESHOLDS, SURFACE_THRESHOLDS, Protocol


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores between 0 and 1 of O objects.

    Attributes:
        names: S keys, as in ``Protocol.names``.
        obj_ids: O numbers of objects that are to be found.
        counts: (O,) how often each is.
        by_object: (O, S).
    """

    names: tuple[str, ...]
    obj_ids: tuple[int, ...]
    counts: np.ndarray
    by_object: np.ndarray

    @property
    def overall(self) -> dict[str, float]:
        """Over all objects.

        As each is published: BOP's average recalls are over all targets, the others the mean of
        the objects, of which each counts the same.
        """
        targets = self.counts @ self.by_object / self.counts.sum()
        objects = self.by_object.mean(axis=0)
        both = zip(self.names, targets.tolist(), objects.tolist(), strict=True)
        return {
            name: of_targets if name.startswith("AR") else of_objects
            for name, of_targets, of_objects in both
        }

    def flat(self, labels: Mapping[int, str] | None = None) -> dict[str, float]:
        """All scores by key: ``ADD_0.1d`` over all, ``ape/ADD_0.1d`` of an object.

        Args:
            labels: names of the objects by number; blanks become underscores.
        """
        found = self.overall
        for obj_id, row in zip(self.obj_ids, self.by_object.tolist(), strict=True):
            label = "_".join(str((labels or {}).get(obj_id, obj_id)).split())
            found |= {f"{label}/{name}": value for name, value in zip(self.names, row, strict=True)}
        return found

    def table(self, labels: Mapping[int, str] | None = None) -> str:
        """For people, in per cent; ADD stands for ADD-S where objects are symmetric."""
        header = ["object", "targets", *self.names]
        rows = [
            [str((labels or {}).get(obj_id, obj_id)), str(count), *_per_cent(row)]
            for obj_id, count, row in zip(self.obj_ids, self.counts, self.by_object, strict=True)
        ]
        last = ["all", str(self.counts.sum()), *_per_cent(self.overall.values())]
        return AsciiTable([header, *rows, last]).table


def score_pairs(
    pairs: Pairs, errors: ErrorTable, true_obj_ids: np.ndarray, protocol: Protocol
) -> Scores:
    """Scores of M pairs.

    A recall is the share of the true objects that an estimate of them is found for whose error is
    below the threshold, see :meth:`Pairs.matched_errors`. An average recall (AR) is the mean over
    BOP's thresholds, AR itself the mean of those of VSD, MSSD and MSPD.

    Args:
        pairs: of N true objects.
        errors: of the pairs.
        true_obj_ids: (N,) number of each one's model.
        protocol: what is asked for.
    """
    obj_ids, members = np.unique(true_obj_ids, return_inverse=True)
    counts = np.bincount(members)
    found = dict(_by_target(pairs, errors, protocol))
    if protocol.vsd:
        found["AR"] = (found["AR_VSD"] + found["AR_MSSD"] + found["AR_MSPD"]) / 3
    columns = [np.bincount(members, found[name]) / counts for name in protocol.names]
    return Scores(protocol.names, tuple(obj_ids.tolist()), counts, np.stack(columns, axis=1))


def _by_target(
    pairs: Pairs, errors: ErrorTable, protocol: Protocol
) -> Iterator[tuple[str, np.ndarray]]:
    """What every true object adds to each score (N,), between 0 and 1."""

    def right(values: np.ndarray, *thresholds: float) -> np.ndarray:
        each = [np.isfinite(pairs.matched_errors(values, limit)) for limit in thresholds]
        return np.mean(each, axis=0)

    for limit in protocol.ad:
        yield f"ADD_{limit:g}d", right(errors.add / errors.diameter, limit)
    yield "AUC_ADD", _area(pairs, errors.add)
    if errors.adi is not None:
        yield "AUC_ADI", _area(pairs, errors.adi)
    for name, values in errors.deg_cm.items():
        yield name, right(values, 1.0)
    for limit in protocol.proj:
        yield f"proj_{limit:g}px", right(errors.proj, limit)
    if errors.vsd is not None:
        columns = [right(column, *SURFACE_THRESHOLDS) for column in errors.vsd.T]
        yield "AR_VSD", np.mean(columns, axis=0)
    yield "AR_MSSD", right(errors.mssd / errors.diameter, *SURFACE_THRESHOLDS)
    yield "AR_MSPD", right(errors.mspd, *PIXEL_THRESHOLDS)


def _area(pairs: Pairs, errors: np.ndarray) -> np.ndarray:
    """Share of the thresholds up to ``AUC_LIMIT`` that each true object is found at (N,).

    Their mean is the area under the curve of accuracy by threshold (Y. Xiang et al., PoseCNN, RSS
    2018). PoseCNN's own program adds up steps that lie above the curve, by up to 1 / N.
    """
    return np.clip(1 - pairs.matched_errors(errors, AUC_LIMIT) / AUC_LIMIT, 0, 1)


def _per_cent(values: np.ndarray) -> list[str]:
    return [f"{100 * value:.2f}" for value in values]
