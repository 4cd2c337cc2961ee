"""Suppression in NumPy beside that of the decoder."""

import numpy as np
import pytest
import torch

from epropnp_det.deploy.suppression import keep_distinct, project_boxes, rectangle_nms
from epropnp_det.models.batch import Views
from epropnp_det.models.task_modules import EProPnPDecoder, ObjectDetections
from epropnp_det.models.task_modules.epropnp_decoder import camera_boxes

SIZE = (400, 168)
CAM2IMG = np.array([[320.0, 0, 200], [0, 320, 56], [0, 0, 1]])


def crowd(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes of which many overlap, some behind the camera or beside the image."""
    rng = np.random.default_rng(2)
    centre = rng.uniform([-8, 0, -1], [8, 2, 20], size=(count, 3))
    size = rng.uniform(0.5, 4, size=(count, 3))
    yaw = rng.uniform(-4, 4, size=(count, 1))
    boxes = np.concatenate([centre, size, yaw], axis=1)
    return boxes, rng.permutation(count) / count, rng.integers(0, 3, size=count)


@pytest.mark.parametrize("count", [0, 1, 200])
def test_same_boxes_as_the_decoder(count):
    boxes, scores, labels = crowd(count)
    decoder = EProPnPDecoder()
    objects = ObjectDetections(
        pose=torch.from_numpy(boxes[:, [0, 1, 2, 6]]),
        dims=torch.from_numpy(boxes[:, 3:6]),
        score=torch.from_numpy(scores),
        label=torch.from_numpy(labels),
        velocity=torch.zeros(count, 0, dtype=torch.float64),
        attr_score=torch.zeros(count, 0),
        img_ind=torch.zeros(count, dtype=torch.long),
    )
    views = Views(torch.tensor(CAM2IMG)[None].float(), torch.tensor([SIZE]).float(), None)
    (expected,) = decoder.decode(objects, views, {"number": torch.arange(count)})
    thresholds = (decoder.nms_2d_thr, decoder.nms_bev_thr, decoder.z_min)
    keep = keep_distinct(boxes, scores, labels, CAM2IMG, SIZE, *thresholds)
    assert keep.tolist() == expected.number.tolist()
    if count == 200:
        assert 50 < len(keep) < 190


def test_projections_are_those_of_the_decoder():
    boxes, _, _ = crowd(50)
    views = Views(torch.tensor(CAM2IMG)[None].float(), torch.tensor([SIZE]).float(), None)
    objects = ObjectDetections(
        torch.from_numpy(boxes[:, [0, 1, 2, 6]]).float(),
        torch.from_numpy(boxes[:, 3:6]).float(),
        *(torch.zeros(50),) * 2,
        torch.zeros(50, 0),
        None,
        None,
    )
    corners = camera_boxes(objects).corners
    expected = EProPnPDecoder()._project(corners, views, torch.zeros(50, dtype=torch.long))
    found = project_boxes(boxes, CAM2IMG, SIZE, 0.1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-2)


def test_rectangles_by_hand():
    rectangles = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9], [20, 0, 20, 0.0]])
    scores, labels = np.array([0.5, 0.9, 0.1, 0.7]), np.array([0, 0, 1, 0])
    assert rectangle_nms(rectangles, scores, labels, 0.8).tolist() == [1, 3, 2]
    assert rectangle_nms(rectangles, scores, labels, 0.9).tolist() == [1, 3, 0, 2]
