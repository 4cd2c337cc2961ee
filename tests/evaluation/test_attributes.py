import numpy as np
import pytest

from epropnp_det.datasets.nuscenes_names import ATTRIBUTES, CLASSES
from epropnp_det.evaluation.attributes import choose_attributes


def labels(*names) -> np.ndarray:
    return np.array([CLASSES.index(name) for name in names], dtype=np.int64)


def test_best_of_the_fitting_scores():
    scores = np.zeros((4, 9))
    scores[:, 8] = 9  # 'none' is the best of all, but fits no class that has attributes
    scores[0, [0, 5, 7]] = [8, 1, 2]
    scores[1, [5, 4, 2]] = [8, 2, 1]
    scores[2, [2, 1]] = [8, 1]
    chosen = choose_attributes(CLASSES, labels("car", "pedestrian", "bicycle", "barrier"), scores)
    assert chosen.tolist() == [
        "vehicle.stopped",
        "pedestrian.sitting_lying_down",
        "cycle.without_rider",
        "",
    ]


def test_negative_logits_are_fine():
    scores = np.full((1, 9), -5.0)
    scores[0, ATTRIBUTES.index("vehicle.parked")] = -4.0
    assert choose_attributes(CLASSES, labels("bus"), scores).tolist() == ["vehicle.parked"]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("car", 5, "vehicle.moving"),
        ("car", 0, "vehicle.parked"),
        ("car", 8, "vehicle.parked"),
        ("pedestrian", 4, "pedestrian.sitting_lying_down"),
        ("motorcycle", 6, "cycle.without_rider"),
        ("traffic_cone", 5, ""),
    ],
)
def test_label_counts_where_it_fits(name, given, expected):
    chosen = choose_attributes(CLASSES, labels(name), attr_labels=np.array([given]))
    assert chosen.tolist() == [expected]


def test_defaults_without_any_attribute():
    assert choose_attributes(CLASSES, labels("bus", "barrier")).tolist() == ["vehicle.moving", ""]


def test_a_class_that_nuscenes_does_not_know_has_none():
    chosen = choose_attributes(("forklift",), np.array([0]), np.full((1, 9), 0.1))
    assert chosen.tolist() == [""]


def test_no_boxes():
    assert choose_attributes(CLASSES, labels(), np.zeros((0, 9))).shape == (0,)
