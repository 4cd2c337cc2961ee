"""Scores by the names that people give them."""

import pytest
from nuscenes.eval.common.config import config_factory

from epropnp_det.datasets.nuscenes_names import CLASSES
from epropnp_det.errors import UserError
from epropnp_det.evaluation.devkit_eval import score_names
from epropnp_det.evaluation.score_names import ScoreNames, short_name

NAMES = score_names(config_factory("detection_cvpr_2019"), CLASSES, "pred").with_prefix("A metric")


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("auto", "A metric/pred/NDS"),
        ("NDS", "A metric/pred/NDS"),
        ("map", "A metric/pred/mAP"),
        ("Ametric/pred/mAP", "A metric/pred/mAP"),
        ("pred/mATE", "A metric/pred/mATE"),
        ("car_AP_dist_0.5", "A metric/pred/car_AP_dist_0.5"),
        ("bus_trans_err", "A metric/pred/bus_trans_err"),
    ],
)
def test_found(word, key):
    assert NAMES.find(word) == key


@pytest.mark.parametrize("word", ["", "ND", "DS", "AP", "pred", "train/loss"])
def test_not_found(word):
    with pytest.raises(UserError, match="NDS"):
        NAMES.find(word)


def test_nearest_is_named():
    with pytest.raises(UserError, match="mAOE"):
        NAMES.find("mAOEE")


def test_directions():
    assert {NAMES.rule(NAMES.find(w)) for w in ("NDS", "mAP", "car_AP_dist_4.0")} == {"greater"}
    assert {NAMES.rule(NAMES.find(w)) for w in ("mATE", "mASE", "bus_vel_err")} == {"less"}


def test_short_names_are_unique():
    keys = [*NAMES.higher, *NAMES.lower]
    assert len(set(map(short_name, keys))) == len(keys)
    assert ScoreNames("a", ("a",)).with_prefix(None).find("auto") == "a"
