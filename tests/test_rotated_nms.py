import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon

from epropnp_det.rotated_nms import rotated_bev_nms


def polygon(box) -> Polygon:
    x, y, along, across, yaw = box
    heading, left = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
    return Polygon([[x, y] + a * along / 2 * heading + b * across / 2 * left for a, b in signs])


def iou(one, two) -> float:
    one, two = polygon(one), polygon(two)
    common = one.intersection(two).area
    return common / (one.area + two.area - common)


def greedy(bev, scores, labels, threshold) -> list[int]:
    kept = []
    for index in np.argsort(-scores, kind="stable"):
        rivals = (k for k in kept if labels[k] == labels[index])
        if all(iou(bev[k], bev[index]) <= threshold for k in rivals):
            kept.append(int(index))
    return kept


def nms(bev, scores, labels, threshold=0.25, dtype=np.float64) -> list[int]:
    columns = np.array(bev, dtype=dtype), np.array(scores, dtype=dtype), np.array(labels)
    return rotated_bev_nms(*columns, threshold).tolist()


def test_angle_turns_from_x_towards_y():
    # The long box reaches the short ones on one side alone: which one tells the sign.
    long, ahead, mirrored = [0.0, 0, 12, 1, 0.6], [4.0, 3, 4, 1, 0.6], [4.0, -3, 4, 1, 0.6]
    assert nms([long, ahead, mirrored], [0.9, 0.8, 0.7], [0, 0, 0], threshold=0.1) == [0, 2]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.25, 0.6]))
def test_agrees_with_polygons(seed, threshold):
    rng = np.random.default_rng(seed)
    bev = np.column_stack(
        [rng.uniform(-6, 6, (15, 2)), rng.uniform(0.5, 8, (15, 2)), rng.uniform(-4, 4, 15)]
    )
    scores, labels = rng.permutation(15) / 15, rng.integers(0, 2, 15)
    assert nms(bev, scores, labels, threshold) == greedy(bev, scores, labels, threshold)


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-7, 1e-6, 1e-5])
def test_nearly_identical_boxes_merge(noise):
    rng = np.random.default_rng(0)
    for _ in range(300):
        box = np.r_[rng.uniform(-50, 50, 2), rng.uniform(0.3, 12, 2), rng.uniform(-4, 4)]
        twin = box + rng.normal(size=5) * noise
        assert nms([box, twin], [0.9, 0.8], [0, 0]) == [0]


def test_classes_do_not_suppress_each_other():
    box = [1.0, 2, 4, 2, 0.3]
    assert nms([box, box], [0.8, 0.9], [0, 1]) == [1, 0]


def test_boxes_that_share_a_line():
    # Shifted by a third of the length: the intersection over union is a half.
    for angle in np.linspace(-3, 3, 50):
        box = [7.3, -20.1, 3.0, 1.7, angle]
        ahead = [7.3 + np.cos(angle), -20.1 + np.sin(angle), 3.0, 1.7, angle]
        assert nms([box, ahead], [0.9, 0.8], [0, 0], threshold=0.49) == [0]
        assert nms([box, ahead], [0.9, 0.8], [0, 0], threshold=0.51) == [0, 1]


def test_suppressed_box_does_not_suppress():
    chain = [[0.0, 0, 4, 2, 0], [1.5, 0, 4, 2, 0], [3.0, 0, 4, 2, 0]]
    assert nms(chain, [0.9, 0.8, 0.7], [0, 0, 0]) == [0, 2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nms_of_none_and_of_one(dtype):
    assert nms(np.zeros((0, 5)), [], np.zeros(0, dtype=int), dtype=dtype) == []
    assert nms([[0.0, 0, 1, 1, 0]], [0.5], [3], dtype=dtype) == [0]


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e6])
def test_extreme_sizes(size):
    box = [10.0, 20.0, size, 1.0, 0.3]
    assert nms([box, [10, 20, 4, 2, 0]], [0.9, 0.8], [0, 0]) == [0, 1]
