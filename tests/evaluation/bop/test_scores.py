"""Scores of errors that are known."""

import numpy as np
import pytest

from epropnp_det.errors import UserError
from epropnp_det.evaluation.bop import Protocol
from epropnp_det.evaluation.bop.error_table import ErrorTable
from epropnp_det.evaluation.bop.matching import Pairs
from epropnp_det.evaluation.bop.scores import score_pairs


def table(**values) -> ErrorTable:
    """Of four pairs of which all errors are great, but for those that are given."""
    far = np.full(4, 1e6)
    columns = dict(add=far, adi=None, mssd=far, mspd=far, proj=far, deg_cm={}, vsd=None)
    return ErrorTable(**{"diameter": np.full(4, 200.0), **columns, **values})


def scores_of(errors: ErrorTable, protocol: Protocol):
    """Of one target of object 3 and four of object 8, the last of which nobody estimated."""
    pairs = Pairs(np.arange(4), np.arange(4), 5)
    return score_pairs(pairs, errors, np.array([3, 8, 8, 8, 8]), protocol)


def test_recalls_and_means():
    protocol = Protocol(ad=(0.05, 0.1), deg_cm=(), proj=(5,))
    errors = table(add=np.array([9.0, 9, 10, 19.9]), proj=np.array([4.9, 5, 5, 5]))
    scores = scores_of(errors, protocol)
    assert scores.obj_ids == (3, 8) and scores.counts.tolist() == [1, 4]
    found = scores.flat({3: "big glue", 8: "duck"})
    assert found["big_glue/ADD_0.05d"] == 1 and found["duck/ADD_0.05d"] == 0.25
    assert found["big_glue/ADD_0.1d"] == 1 and found["duck/ADD_0.1d"] == 0.75
    # Of the objects each counts the same.
    assert found["ADD_0.05d"] == 0.625 and found["ADD_0.1d"] == 0.875
    assert found["proj_5px"] == 0.5
    assert set(scores.overall) == set(protocol.names)
    assert not [name for name in found if " " in name]


def test_area_under_the_curve():
    scores = scores_of(table(add=np.array([0.0, 25, 100, 250])), Protocol(deg_cm=()))
    found = scores.flat()
    assert found["3/AUC_ADD"] == 1
    assert found["8/AUC_ADD"] == pytest.approx(0.75 / 4)


def test_area_is_poseccns_less_its_last_steps():
    """PoseCNN's program adds up rectangles whose height is that of their right end."""
    errors = np.sort(np.random.default_rng(0).uniform(0, 130, 500))
    pairs = Pairs(np.arange(500), np.arange(500), 500)
    far = np.full(500, 1e6)
    columns = ErrorTable(far, errors, errors, far, far, far, {}, None)
    protocol = Protocol(deg_cm=(), adi=True)
    found = score_pairs(pairs, columns, np.ones(500, int), protocol).overall
    near = errors[errors < 100]
    accuracy = np.arange(1, len(near) + 1) / 500
    steps = np.diff(np.concatenate([[0], near, [100]]))
    from_above = (steps * np.append(accuracy, accuracy[-1])).sum() / 100
    assert from_above - 1 / 500 <= found["AUC_ADD"] <= from_above
    assert found["AUC_ADI"] == found["AUC_ADD"]


def test_average_recalls_are_over_all_targets():
    """MSSD at 0.05, 0.1, .. 0.5 diameters, MSPD at 5, 10, .. 50 pixels, VSD at both of its ten."""
    vsd = np.ones((4, 10))
    vsd[0], vsd[1, 3:] = 0, 0.2
    errors = table(mssd=np.array([0.0, 25, 99, 100]), mspd=np.array([0.0, 24, 51, 50]), vsd=vsd)
    found = scores_of(errors, Protocol(deg_cm=(), vsd=True)).overall
    assert found["AR_MSSD"] == pytest.approx((1 + 0.8 + 0.1 + 0 + 0) / 5)
    assert found["AR_MSPD"] == pytest.approx((1 + 0.6 + 0 + 0 + 0) / 5)
    # The second: for 7 of 10 tolerances, at the thresholds above 0.2, that is 6 (or 7) of 10.
    above = (np.arange(1, 11) / 20 > 0.2).mean()
    assert found["AR_VSD"] == pytest.approx((1 + 0.7 * above) / 5)
    parts = [found[f"AR_{name}"] for name in ("VSD", "MSSD", "MSPD")]
    assert found["AR"] == pytest.approx(np.mean(parts))


def test_degrees_and_cm():
    errors = table(deg_cm={"5deg_5cm": np.array([0.99, 1, 0.5, 2])})
    found = scores_of(errors, Protocol(deg_cm=((5, 5),))).flat()
    assert found["3/5deg_5cm"] == 1 and found["8/5deg_5cm"] == 0.25


def test_table_for_people():
    text = scores_of(table(add=np.zeros(4)), Protocol(deg_cm=())).table({3: "glue"})
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    assert rows[1][1:4] == ["object", "targets", "ADD_0.02d"]
    assert rows[3][1:4] == ["glue", "1", "100.00"]
    assert rows[4][1:4] == ["8", "4", "75.00"]
    assert rows[5][1:4] == ["all", "5", "87.50"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(ad=(0.1, 0)), "ad of the evaluator is .*: give positive thresholds"),
        (dict(proj=(-5,)), "proj of the evaluator"),
        (dict(deg_cm=((5,),)), "deg_cm of the evaluator is .*: give pairs of degrees and cm"),
        (dict(vsd_delta=0), "vsd_delta of the evaluator is 0: give millimetres"),
    ],
)
def test_wrong_thresholds(settings, said):
    with pytest.raises(UserError, match=said):
        Protocol(**settings)
