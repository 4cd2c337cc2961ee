"""What is to be found, with and without a list of targets."""

import json

import numpy as np
import pytest

from epropnp_det.datasets.bop.listed import read_targets
from epropnp_det.errors import UserError
from epropnp_det.evaluation.bop import Question, read_truth


def targets_of(root, *rows: tuple[int, int, int, int]):
    names = ("scene_id", "im_id", "obj_id", "inst_count")
    path = root / "targets.json"
    path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    return read_targets(path)


def test_all_visible_objects(bop_root):
    truth = read_truth(bop_root, "test", Question())
    assert truth.keys() == [(2, 0, 1), (2, 0, 7), (2, 4, 7), (2, 4, 7)]
    assert truth.counts == {(2, 0, 1): 1, (2, 0, 7): 1, (2, 4, 7): 2}
    assert truth.images == {2: {0, 4}, 3: {1}}
    np.testing.assert_array_equal(truth.image_size, [[80, 60]] * 4)
    np.testing.assert_array_equal(truth.poses.translation[1], [0, 0, 500])
    np.testing.assert_array_equal(truth.cam2img[0], [[100, 0, 40], [0, 100, 30], [0, 0, 1]])


@pytest.mark.parametrize(
    ("question", "keys"),
    [
        (dict(objects=frozenset([1])), [(2, 0, 1)]),
        (dict(images={2: [4]}), [(2, 4, 7), (2, 4, 7)]),
        (dict(excluded={2: [4]}), [(2, 0, 1), (2, 0, 7)]),
        (dict(min_visib_fract=0.85), [(2, 0, 1), (2, 0, 7)]),
    ],
)
def test_choices(bop_root, question, keys):
    assert read_truth(bop_root, "test", Question(**question)).keys() == keys


def test_of_a_target_the_most_visible_ones(own_root):
    targets = targets_of(own_root, (2, 4, 7, 1), (3, 1, 1, 1))
    truth = read_truth(own_root, "test", Question(targets=targets))
    # The list of the challenge is the judge of what can be seen.
    assert truth.keys() == [(2, 4, 7), (3, 1, 1)]
    assert truth.poses.translation[0].tolist() == [-60, 10, 650]
    assert truth.counts == {(2, 4, 7): 1, (3, 1, 1): 1}


def test_targets_without_numbers(own_root):
    """Of an image all visible objects, as in the lists for detection."""
    path = own_root / "targets.json"
    path.write_text(json.dumps([dict(scene_id=2, im_id=4), dict(scene_id=3, im_id=1)]))
    truth = read_truth(own_root, "test", Question(targets=read_targets(path)))
    assert truth.counts == {(2, 4, 7): 2} and len(truth) == 2


def test_more_estimates_than_objects_may_count(own_root):
    targets = targets_of(own_root, (2, 0, 1, 3))
    truth = read_truth(own_root, "test", Question(targets=targets))
    assert truth.keys() == [(2, 0, 1)] and truth.counts == {(2, 0, 1): 3}


def test_nothing_is_to_be_found(bop_root):
    with pytest.raises(UserError, match="has no object that is to be found: look at the evaluator"):
        read_truth(bop_root, "test", Question(objects=frozenset([9])))


def test_unknown_scenes_and_images(own_root):
    with pytest.raises(UserError, match="has no scene 9, which the evaluator's targets"):
        read_truth(own_root, "test", Question(images={9: [0]}))
    with pytest.raises(UserError, match="has no image 5, which the evaluator's targets"):
        read_truth(own_root, "test", Question(images={2: [0, 5]}))
    with pytest.raises(UserError, match="has no image 5, which the evaluator's targets"):
        read_truth(own_root, "test", Question(targets=targets_of(own_root, (2, 5, 7, 1))))
    with pytest.raises(UserError, match="is not a folder: set data_root and split"):
        read_truth(own_root, "val", Question())
