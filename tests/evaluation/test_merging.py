import numpy as np

from epropnp_det.evaluation.geometry import GlobalBoxes
from epropnp_det.evaluation.merging import merge_cameras

RANGES = [50.0, 30.0]


def global_boxes(x) -> GlobalBoxes:
    x = np.asarray(x, dtype=float)
    count = len(x)
    return GlobalBoxes(
        center=np.column_stack([1000 + x, np.full(count, 500.0), np.ones(count)]),
        size=np.tile([2.0, 4.0, 1.5], (count, 1)),
        rotation=np.tile([1.0, 0, 0, 0], (count, 1)),
        velocity=np.zeros((count, 2)),
    )


def merge(x, scores, labels, nms_threshold=0.25, max_boxes=500):
    ego = np.array([1000.0, 500.0, 3.0])
    columns = np.array(scores, dtype=np.float32), np.array(labels, dtype=np.int64)
    boxes = global_boxes(x)
    return merge_cameras(boxes, *columns, ego, RANGES, nms_threshold, max_boxes).tolist()


def test_class_range_is_measured_from_the_ego_and_excludes_itself():
    assert merge([49.9, 50.0, 29.9, 30.0], [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]) == [2, 0]


def test_duplicates_go_and_order_is_by_score():
    assert merge([0, 0.5, 20], [0.3, 0.6, 0.4], [0, 0, 0]) == [1, 2]


def test_without_nms_all_stay():
    assert merge([0, 0.5, 20], [0.3, 0.6, 0.4], [0, 0, 0], nms_threshold=None) == [1, 2, 0]


def test_limit_keeps_the_best():
    scores = np.linspace(0.1, 0.9, 600)
    kept = merge(np.linspace(-40, 40, 600), scores, [0] * 600, nms_threshold=None)
    assert kept == list(range(599, 99, -1))


def test_no_boxes():
    assert merge([], [], []) == []
