import math

import numpy as np
import pytest
import torch

from epropnp_det.models.batch import Views
from epropnp_det.models.task_modules import EProPnPDecoder, ObjectDetections

CAR = dict(pose=(1.0, 0.8, 20.0, 0.4), dims=(4.5, 1.5, 1.9))
# At the same distance, but beside the car in the image and seen from above.
ASIDE = dict(pose=(9.0, 0.8, 21.0, -1.0), dims=(4.0, 1.6, 1.8))


def make_views(num: int) -> Views:
    cam_mat = torch.tensor([[200.0, 0, 128], [0, 200, 64], [0, 0, 1]])
    size, bounds = torch.tensor([256.0, 128]), torch.tensor([-200.0, -200, 456, 328])
    return Views(cam_mat.repeat(num, 1, 1), size.repeat(num, 1), bounds.repeat(num, 1))


def detections(*objects: dict) -> ObjectDetections:
    default = dict(score=0.5, label=0, velocity=(1.0, -2.0), img_ind=0, attr_score=(0.2, 0.5, 0.3))
    objects = [{**default, **each} for each in objects]
    widths = dict(pose=4, dims=3, score=0, label=0, velocity=2, attr_score=3, img_ind=0)

    def column(name: str) -> torch.Tensor:
        kind = torch.long if name in ("label", "img_ind") else torch.float32
        rows = torch.tensor([each[name] for each in objects], dtype=kind)
        return rows.reshape(len(objects), *([widths[name]] if widths[name] else []))

    return ObjectDetections(*map(column, ObjectDetections._fields))


def decode(*objects: dict, num_imgs: int = 1, **settings):
    return EProPnPDecoder(**settings).decode(detections(*objects), make_views(num_imgs))


def scores(result) -> list[float]:
    return [round(x, 4) for x in result.scores_3d.tolist()]


def corners(pose, dims) -> np.ndarray:
    x, y, z, yaw = pose
    turn = np.array(
        [[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]]
    )
    signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, -1).T
    return signs * np.array(dims) / 2 @ turn.T + [x, y, z]


def test_boxes_are_where_the_pose_is():
    (result,) = decode(CAR, dict(ASIDE, score=0.9, label=3))
    assert result.labels_3d.tolist() == [3, 0]
    assert scores(result) == [0.9, 0.5]
    boxes = result.bboxes_3d
    assert boxes.tensor.shape == (2, 9)
    for index, each in enumerate((ASIDE, CAR)):
        assert boxes.gravity_center[index].tolist() == pytest.approx(each["pose"][:3], abs=1e-5)
        assert boxes.dims[index].tolist() == pytest.approx(each["dims"])
        assert boxes.yaw[index].item() == pytest.approx(each["pose"][3])
        assert boxes.tensor[index, 7:].tolist() == [1.0, -2.0]
        expected = corners(each["pose"], each["dims"])
        found = boxes.corners[index].numpy()
        np.testing.assert_allclose(
            found[np.lexsort(found.round(3).T)],
            expected[np.lexsort(expected.round(3).T)],
            atol=1e-4,
        )


def test_best_attribute_is_named_and_all_scores_are_kept():
    (result,) = decode(dict(CAR, attr_score=(0.1, 0.2, 0.7)), dict(ASIDE, score=0.4))
    assert result.attr_labels.tolist() == [2, 1]
    torch.testing.assert_close(result.attr_scores, torch.tensor([[0.1, 0.2, 0.7], [0.2, 0.5, 0.3]]))


def test_duplicate_is_dropped_within_a_class_alone():
    nearly = dict(CAR, pose=(1.05, 0.8, 20.1, 0.4))
    (result,) = decode(
        dict(nearly, score=0.6), dict(CAR, score=0.7), dict(nearly, score=0.5, label=1)
    )
    assert scores(result) == [0.7, 0.5]
    assert result.labels_3d.tolist() == [0, 1]


def test_images_do_not_suppress_each_other():
    first, second, third = decode(
        dict(CAR, score=0.6, img_ind=2),
        dict(CAR, score=0.7),
        dict(ASIDE, score=0.8, img_ind=2),
        num_imgs=3,
    )
    assert scores(first) == [0.7]
    assert len(second.scores_3d) == 0
    assert scores(third) == [0.8, 0.6]


def test_class_of_one_image_is_not_mistaken_for_that_of_another():
    # Image 1 with class 0 and image 0 with class 1 must not share a group.
    first, second = decode(dict(CAR, label=1), dict(CAR, img_ind=1, score=0.6), num_imgs=2)
    assert len(first.scores_3d) == len(second.scores_3d) == 1


def test_overlap_from_above_alone():
    # Stacked boxes: disjoint in the image, the same footprint.
    above = dict(CAR, pose=(1.0, -3.0, 20.0, 0.4), score=0.4)
    assert scores(decode(CAR, above)[0]) == [0.5]
    assert scores(decode(CAR, above, nms_bev_thr=1.0)[0]) == [0.5, 0.4]


def test_overlap_in_the_image_alone():
    # The same rays, twice as far and as large: disjoint from above.
    twice = dict(pose=(2.0, 1.6, 40.0, 0.4), dims=(9.0, 3.0, 3.8), score=0.4)
    assert scores(decode(CAR, twice)[0]) == [0.5]
    assert scores(decode(CAR, twice, nms_2d_thr=1.0)[0]) == [0.5, 0.4]


def test_thresholds_are_intersection_over_union():
    # Shifted by a third of the length along the heading: half is shared.
    ahead = math.cos(0.4) * 1.5, -math.sin(0.4) * 1.5
    shifted = dict(CAR, pose=(1.0 + ahead[0], 0.8, 20.0 + ahead[1], 0.4), score=0.4)
    assert len(decode(CAR, shifted, nms_bev_thr=0.49, nms_2d_thr=1.0)[0].scores_3d) == 1
    assert len(decode(CAR, shifted, nms_bev_thr=0.51, nms_2d_thr=1.0)[0].scores_3d) == 2


@pytest.mark.parametrize("num_imgs", [1, 3])
def test_nothing_found(num_imgs):
    results = decode(num_imgs=num_imgs)
    assert len(results) == num_imgs
    for result in results:
        assert result.bboxes_3d.tensor.shape == (0, 9)
        assert result.scores_3d.shape == result.labels_3d.shape == result.attr_labels.shape == (0,)
        assert result.attr_scores.shape == (0, 3)


def test_boxes_behind_or_around_the_camera_and_without_size_are_kept():
    behind = dict(pose=(0.0, 0.5, -9.0, 0.2), dims=(4.0, 1.5, 1.8))
    around = dict(pose=(0.0, 0.5, 0.1, 0.2), dims=(4.0, 1.5, 1.8), label=1)
    point = dict(pose=(3.0, 0.5, 30.0, 0.2), dims=(0.0, 0.0, 0.0), label=2)
    (result,) = decode(behind, around, point)
    assert sorted(result.labels_3d.tolist()) == [0, 1, 2]
    assert result.bboxes_3d.tensor.isfinite().all()


def test_batch_equals_its_images_one_by_one():
    rng = np.random.default_rng(0)
    objects = [
        dict(
            pose=(*rng.uniform((-2, 0, 10), (2, 1, 14)), rng.uniform(-3, 3)),
            dims=tuple(rng.uniform(1, 5, 3)),
            score=float(rng.permutation(1000)[0]) / 1000 + i * 1e-4,
            label=i % 2,
            img_ind=i % 3,
        )
        for i in range(30)
    ]
    together = decode(*objects, num_imgs=3)
    for image in range(3):
        own = [dict(each, img_ind=0) for each in objects if each["img_ind"] == image]
        (alone,) = decode(*own)
        assert 0 < len(alone.scores_3d) < len(own)
        torch.testing.assert_close(alone.bboxes_3d.tensor, together[image].bboxes_3d.tensor)
        torch.testing.assert_close(alone.scores_3d, together[image].scores_3d)
