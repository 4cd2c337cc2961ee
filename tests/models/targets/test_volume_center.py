import math

import numpy as np
import pytest
import torch

from epropnp_det.models.targets import VolumeCenter
from epropnp_det.models.targets.volume_center import ray_box_interval

CAM = np.array([[200.0, 0, 128], [0, 190.0, 64], [0, 0, 1]])
WHOLE_IMAGE = (0.0, 0.0, 256.0, 128.0)
AHEAD = (1.0, 0.5, 10.0, 4.0, 1.5, 1.8, 0.4)
PARTLY_BEHIND = (2.0, 0.8, 1.0, 4.0, 1.6, 1.8, 1.2)
AROUND_CAMERA = (0.1, 0.2, 0.3, 4.0, 2.0, 2.0, 0.7)
CUT_BY_IMAGE = (6.0, 0.5, 9.0, 4.5, 1.6, 1.8, -0.5)
VISIBLE = {
    "ahead": AHEAD,
    "partly behind the camera": PARTLY_BEHIND,
    "around the camera": AROUND_CAMERA,
    "cut by the image border": CUT_BY_IMAGE,
}
BEHIND = (0.5, 0.5, -8.0, 4.0, 1.6, 1.8, 0.2)
OUTSIDE_IMAGE = (40.0, 0.5, 10.0, 4.0, 1.6, 1.8, 0.2)


def rotation(yaw: float) -> np.ndarray:
    cos, sin = math.cos(yaw), math.sin(yaw)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def crossings(rays: np.ndarray, box) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest depth at which rays meet a face of a box; inf, -inf where they miss."""
    center, half, turn = np.array(box[:3]), np.array(box[3:6]) / 2, rotation(box[6])
    near, far = np.full(len(rays), np.inf), np.full(len(rays), -np.inf)
    for axis in range(3):
        for side in (-1, 1):
            normal = turn[:, axis]
            depth = normal @ (center + side * half[axis] * normal) / (rays @ normal)
            in_box = (depth[:, None] * rays - center) @ turn
            others = [i for i in range(3) if i != axis]
            met = (abs(in_box[:, others]) <= half[others] + 1e-12).all(1)
            near = np.where(met, np.minimum(near, depth), near)
            far = np.where(met, np.maximum(far, depth), far)
    return near, far


def slow_center(box, stride: float = 1.0) -> tuple[list[float], list[float]]:
    """Centroid of the thickness over all pixels of the image, and the 2D box of those met."""
    u, v = (np.arange(size / stride) * stride + stride / 2 for size in WHOLE_IMAGE[2:])
    pixels = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2)
    rays = np.insert(pixels, 2, 1.0, axis=1) @ np.linalg.inv(CAM).T
    near, far = crossings(rays, box)
    thickness = np.maximum(far - np.maximum(near, 0.01), 0.0)
    met = pixels[thickness > 0]
    # A box ends within its outermost pixels.
    bbox = [*(met.min(0) - 0.3 * stride), *(met.max(0) + 0.2 * stride)]
    return np.average(pixels, axis=0, weights=thickness).tolist(), bbox


def image_box(box) -> list[float]:
    """2D box, clipped to the image, of the points of a box that lie in front of the camera."""
    pixels = project(inside(box, 20_000))
    pixels = pixels.clip([0, 0], WHOLE_IMAGE[2:])
    return [*pixels.min(0), *pixels.max(0)]


def inside(box, num: int) -> np.ndarray:
    """Points spread evenly in a box, those in front of the camera."""
    unit = np.random.default_rng(0).uniform(-0.5, 0.5, (num, 3))
    points = np.array(box[:3]) + unit * box[3:6] @ rotation(box[6]).T
    return points[points[:, 2] > 0.01]


def project(points: np.ndarray) -> np.ndarray:
    return (points / points[:, 2:] @ CAM.T)[:, :2]


def center(boxes, bboxes, dtype=torch.float64, **settings) -> torch.Tensor:
    return VolumeCenter(**settings)(
        torch.as_tensor(boxes, dtype=dtype).reshape(-1, 7),
        torch.as_tensor(bboxes, dtype=dtype).reshape(-1, 4),
        torch.as_tensor(CAM, dtype=dtype),
    )


@pytest.mark.parametrize("stride", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("box", VISIBLE.values(), ids=VISIBLE.keys())
def test_agrees_with_face_planes_at_every_pixel(box, stride):
    expected, bbox = slow_center(box, stride)
    settings = dict(render_stride=stride, max_rays=1000)
    assert center(box, bbox, **settings)[0].tolist() == pytest.approx(expected, abs=1e-7)
    single = center(box, bbox, torch.float32, **settings)[0].tolist()
    assert single == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("box", [AHEAD, PARTLY_BEHIND, AROUND_CAMERA])
def test_large_boxes_need_no_ray_at_every_pixel(box):
    expected, bbox = slow_center(box)
    assert max(bbox[2] - bbox[0], bbox[3] - bbox[1]) > 64
    assert center(box, bbox)[0].tolist() == pytest.approx(expected, abs=0.05)


def test_rays_of_a_large_box_are_bounded_and_spread_evenly():
    pixels, within = VolumeCenter(max_rays=4)._raster(torch.tensor([[9.5, 2.0, 30, 4.5]]))
    u, v = pixels[0, within[0]].T
    assert sorted(set(u.tolist())) == pytest.approx([9 + 21 * k / 8 for k in (1, 3, 5, 7)])
    assert sorted(set(v.tolist())) == [2.5, 3.5, 4.5]
    assert within.sum() == 12


@pytest.mark.parametrize("box", [AHEAD, CUT_BY_IMAGE], ids=["ahead", "cut by the image border"])
def test_agrees_with_points_in_the_volume(box):
    # A pixel's cone holds points in proportion to depth^2, which the weight takes out again.
    bbox = image_box(box)
    points = inside(box, 400_000)
    pixels, weight = project(points), points[:, 2] ** -2
    visible = ((pixels > [0, 0]) & (pixels < WHOLE_IMAGE[2:])).all(-1)
    expected = np.average(pixels[visible], axis=0, weights=weight[visible])
    size = max(bbox[2] - bbox[0], bbox[3] - bbox[1])
    assert center(box, bbox)[0].tolist() == pytest.approx(expected.tolist(), abs=0.01 * size)


def test_centre_of_a_frontal_box_is_its_axis():
    # Seen from its symmetry plane, the centroid lies in it.
    bbox = image_box((0.0, 0.0, 12.0, 4.0, 1.5, 1.8, 0.0))
    bbox = [128 - 40, 64 - 20, 128 + 40, 64 + 20]
    result = center((0.0, 0.0, 12.0, 4.0, 1.5, 1.8, 0.0), bbox)
    torch.testing.assert_close(result, torch.tensor([[128.0, 64.0]], dtype=torch.float64))


@pytest.mark.parametrize("box", [BEHIND, OUTSIDE_IMAGE], ids=["behind", "outside the image"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_invisible_box_gets_the_middle_of_its_2d_box(box, dtype):
    result = center(box, (250.0, 10.0, 256.0, 40.0), dtype)
    assert result.dtype == dtype
    assert result.tolist() == [[253.0, 25.0]]


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_box_of_one_pixel_or_less(size):
    bbox = (130.0, 66.0, 130.0 + size, 66.0 + size)
    result = center((1.0, 0.5, 60.0, 4.0, 1.5, 1.8, 0.4), bbox)[0].tolist()
    assert result == pytest.approx([130 + size / 2, 66 + size / 2], abs=size / 2 + 1e-9)


def test_flat_box_and_parallel_rays_are_finite():
    # Rays through the principal point run along the faces of a box that is not turned.
    boxes = [(0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 5.0, 2.0, 2.0, 2.0, 0.0)]
    bboxes = [(128.0, 64.0, 128.0, 64.0)] * 2
    assert center(boxes, bboxes, torch.float32).tolist() == [[128.0, 64.0]] * 2


def test_no_boxes():
    assert center([], []).shape == (0, 2)


def test_batch_equals_its_boxes_one_by_one():
    boxes = [*VISIBLE.values(), BEHIND, OUTSIDE_IMAGE]
    bboxes = [image_box(box) for box in VISIBLE.values()] + [WHOLE_IMAGE] * 2
    together = center(boxes, bboxes)
    for one, box, bbox in zip(together, boxes, bboxes, strict=True):
        torch.testing.assert_close(one[None], center(box, bbox))


def test_interval_of_a_known_box():
    rays = torch.tensor([[[0.0, 0.0, 1.0], [0.25, 0.0, 1.0], [1.0, 0.0, 1.0]]])
    near, far = ray_box_interval(
        rays,
        torch.tensor([[0.0, 0.0, 10.0]]),
        torch.tensor([[4.0, 2.0, 6.0]]),
        torch.tensor([0.0]),
    )
    assert near[0, :2].tolist() == pytest.approx([7.0, 7.0])
    assert far[0, :2].tolist() == pytest.approx([13.0, 8.0])
    assert near[0, 2] > far[0, 2]


def test_interval_gradient():
    torch.manual_seed(1)
    rays = torch.cat([torch.rand(2, 3, 2) * 0.1, torch.ones(2, 3, 1)], -1).double()
    centers = torch.tensor([[0.3, 0.2, 9.0], [0.6, 0.4, 12.0]]).double()
    dims = torch.tensor([[4.0, 3.0, 2.0], [3.0, 4.0, 5.0]]).double()
    yaws = torch.tensor([0.3, -1.1]).double()
    inputs = [x.requires_grad_() for x in (rays, centers, dims, yaws)]
    assert torch.autograd.gradcheck(ray_box_interval, inputs)
