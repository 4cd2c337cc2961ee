import json

import numpy as np
import pytest

from epropnp_det.datasets.bop.listed import read_detections, read_image_lists, read_targets
from epropnp_det.errors import UserError


def _written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_lists_of_images(tmp_path):
    _written(
        tmp_path / "one.txt", "000001/000012\n\n2 7\n000002/rgb/000008.png\n".replace("rgb/", "")
    )
    assert read_image_lists("one.txt", tmp_path) == {1: {12}, 2: {7, 8}}
    _written(tmp_path / "ape.txt", "LINEMOD/ape/JPEGImages/000005.jpg\n000007\n")
    lists = {1: "ape.txt", "4": [3, 4]}
    assert read_image_lists(lists, tmp_path) == {1: {5, 7}, 4: {3, 4}}


@pytest.mark.parametrize(
    ("content", "says"),
    [("", "is empty"), ("12\n", "a scene and an image"), ("1 first\n", "no image number")],
)
def test_lists_that_are_none(tmp_path, content, says):
    _written(tmp_path / "list.txt", content)
    with pytest.raises(UserError, match=says):
        read_image_lists("list.txt", tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        read_image_lists("none.txt", tmp_path)


def test_targets(tmp_path):
    entries = [
        {"scene_id": 1, "im_id": 3, "obj_id": 5, "inst_count": 2},
        {"scene_id": 2, "im_id": 4},
    ]
    targets = read_targets(_written(tmp_path / "targets.json", entries))
    assert targets.scenes == {1, 2}
    assert targets.images(1) == {3}
    assert targets.count(1, 3, 5) == 2
    assert targets.count(1, 3, 6) == 0
    assert targets.count(2, 4, 9) is None


@pytest.mark.parametrize("content", ["[]", "[{}]", "{}", "[3]", "[{"])
def test_targets_that_are_none(tmp_path, content):
    with pytest.raises(UserError):
        read_targets(_written(tmp_path / "targets.json", content))


def _detection(**other):
    names = dict(scene_id=1, image_id=3, category_id=5, bbox=[1, 2, 3, 4], score=0.5)
    return {**names, **other}


def test_detections(tmp_path):
    entries = [_detection(), _detection(time=0.25, segmentation={})]
    found = read_detections(_written(tmp_path / "found.json", entries))
    np.testing.assert_array_equal(found.box, [[1, 2, 3, 4]] * 2)
    np.testing.assert_array_equal(found.time, [-1, 0.25])
    np.testing.assert_array_equal(found.obj_id, [5, 5])


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "holds no detection"),
        ([_detection(bbox=[1, 2, 3])], "x, y, width and height"),
        ([_detection(bbox=[1, 2, 3, float("nan")])], "x, y, width and height"),
        ([_detection(score=float("inf"))], "score that is no number"),
        ([{"scene_id": 1}], "without 'bbox'"),
    ],
)
def test_detections_that_are_none(tmp_path, entries, says):
    with pytest.raises(UserError, match=says):
        read_detections(_written(tmp_path / "found.json", entries))
