import numpy as np
import pytest
import torch
from mmdet3d.datasets.transforms import Pack3DDetInputs
from mmdet3d.structures import CameraInstance3DBoxes

from epropnp_det.datasets import CropTopRows, RandomFlipMono3D, ResizeMono3D
from epropnp_det.models.batch import UNKNOWN_ATTRIBUTE, ObjectTruth, Views

BOXES = [
    [1.0, 2.0, 20.0, 4.0, 1.5, 1.8, 0.3, 5.0, -1.0],
    [-3.0, 1.0, 15.0, 0.7, 1.8, 0.6, -2.0, float("nan"), float("nan")],
    [0.0, 0.5, 40.0, 9.0, 3.0, 2.5, 1.0, 0.0, 2.0],
]


def test_views_of_samples(make_sample):
    first, second = make_sample(), make_sample()
    first.set_metainfo(dict(cam2img=np.diag([7.0, 8.0, 1.0, 1.0]), img_shape=(50, 90)))
    views = Views.from_samples([first, second], torch.device("cpu"))
    assert views.cam_mats.dtype == views.img_size.dtype == torch.float32
    assert views.cam_mats[0].tolist() == [[7, 0, 0], [0, 8, 0], [0, 0, 1]]
    assert views.cam_mats[1].tolist() == second.cam2img.tolist()
    assert views.img_size.tolist() == [[90, 50], [256, 128]]
    assert views.bounds.tolist() == [[-200, -200, 290, 250], [-200, -200, 456, 328]]
    cameras = views.cameras(torch.tensor([1, 0, 1]))
    assert torch.equal(cameras.cam_mats[1], views.cam_mats[0])
    assert torch.equal(cameras.bounds[2], views.bounds[1])


@pytest.mark.parametrize("flip", [False, True])
def test_bounds_are_those_of_the_stored_image(flip):
    """A crop of 100 rows, then half the size, then perhaps a mirror image."""
    results = dict(
        img=np.zeros((300, 800, 3), np.uint8),
        img_shape=(300, 800),
        ori_shape=(300, 800),
        cam2img=[[500.0, 2, 390], [0, 510, 160], [0, 0, 1]],
    )
    for step in (CropTopRows(100), ResizeMono3D(factor=0.5), RandomFlipMono3D(float(flip))):
        results = step.transform(results)
    sample = Pack3DDetInputs(keys=["img"])(results)["data_samples"]
    views = Views.from_samples([sample], torch.device("cpu"))
    # A pixel (u, v) of the stored image comes to (u / 2, (v - 100) / 2), or (400 - u / 2, ...).
    assert views.bounds.tolist() == [[-100, -150, 500, 200]]
    sample.set_metainfo(dict(ori_shape=(300, 700)))
    bounds = Views.from_samples([sample], torch.device("cpu")).bounds[0].tolist()
    assert bounds == pytest.approx([-50 if flip else -100, -150, 500 if flip else 450, 200])


def test_image_without_camera_is_named(make_sample):
    sample = type(make_sample())(metainfo=dict(img_path="front.jpg", img_shape=(1, 1)))
    with pytest.raises(KeyError, match="front.jpg.*cam2img"):
        Views.from_samples([sample], torch.device("cpu"))


def test_truth_of_samples(make_sample):
    samples = [make_sample(BOXES[:2], [0, 7]), make_sample(), make_sample(BOXES[2:], [1])]
    truth = ObjectTruth.from_samples(samples)
    boxes = torch.tensor(BOXES)
    torch.testing.assert_close(truth.pose, boxes[:, [0, 1, 2, 6]])
    torch.testing.assert_close(truth.dims, boxes[:, 3:6])
    torch.testing.assert_close(truth.boxes, boxes[:, :7])
    torch.testing.assert_close(truth.velocity, boxes[:, 7:], equal_nan=True)
    assert truth.label.tolist() == [0, 7, 1]
    assert truth.attribute.tolist() == [6, 6, 6]


def test_truth_of_images_without_objects(make_sample):
    truth = ObjectTruth.from_samples([make_sample(), make_sample()])
    assert [tuple(field.shape) for field in truth] == [(0, 4), (0, 3), (0,), (0, 2), (0,)]
    assert truth.boxes.shape == (0, 7)


def test_take_repeats_and_reorders(make_sample):
    truth = ObjectTruth.from_samples([make_sample(BOXES, [0, 7, 1])])
    taken = truth.take(torch.tensor([2, 0, 0, 2]))
    assert taken.label.tolist() == [1, 0, 0, 1]
    torch.testing.assert_close(taken.pose, truth.pose[[2, 0, 0, 2]])
    assert taken.take(torch.tensor([], dtype=torch.long)).dims.shape == (0, 3)


def test_truth_without_velocities_and_attributes(make_sample):
    sample = make_sample(BOXES, [0, 7, 1])
    truth = sample.gt_instances_3d
    truth.bboxes_3d = CameraInstance3DBoxes(truth.bboxes_3d.tensor[:, :7])
    del truth.attr_labels
    found = ObjectTruth.from_samples([sample])
    assert found.velocity.shape == (3, 2) and found.velocity.isnan().all()
    assert found.attribute.tolist() == [UNKNOWN_ATTRIBUTE] * 3
