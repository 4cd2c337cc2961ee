import math

import pytest
import torch

from epropnp_det.models.batch import ImagePoints, ObjectTruth, Views
from epropnp_det.models.targets import mean_by_cell, points_in_boxes

CAM = [[200.0, 0.0, 128.0], [0.0, 190.0, 64.0], [0.0, 0.0, 1.0]]


def views(num: int, dtype=torch.float64) -> Views:
    cam_mats = torch.tensor(CAM, dtype=dtype).repeat(num, 1, 1)
    cam_mats[:, 0, 2] += torch.arange(num)
    size, bounds = torch.tensor([256.0, 128]), torch.tensor([-200.0, -200, 456, 328])
    return Views(cam_mats, *(x.to(dtype).repeat(num, 1) for x in (size, bounds)))


def make_truth(num: int, dtype=torch.float64) -> ObjectTruth:
    yaw = 6 * torch.rand(num, 1, dtype=dtype) - 3
    where = torch.tensor([0.0, 1.0, 15.0], dtype=dtype) + torch.randn(num, 3, dtype=dtype)
    none = torch.zeros(num, dtype=torch.long)
    return ObjectTruth(
        pose=torch.cat([where, yaw], dim=1),
        dims=torch.tensor([4.0, 1.5, 2.0], dtype=dtype) * (0.5 + torch.rand(num, 3, dtype=dtype)),
        label=none,
        velocity=torch.zeros(num, 2, dtype=dtype),
        attribute=none,
    )


def scatter(counts: list[int], dtype=torch.float64) -> list[torch.Tensor]:
    middle = torch.tensor([0.0, 1.0, 15.0], dtype=dtype)
    return [middle + 1.5 * torch.randn(n, 3, dtype=dtype) for n in counts]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_in_boxes_agree_with_loops(dtype):
    truth, img_ind = make_truth(5, dtype), torch.tensor([0, 0, 2, 1, 2])
    points = ImagePoints.from_images(scatter([30, 0, 40], dtype), views(3, dtype))
    assert points.img_ind.tolist() == [0] * 30 + [2] * 40
    expected = {}
    for g in range(5):
        x, y, z, yaw = truth.pose[g].tolist()
        for k, (px, py, pz) in enumerate(points.xyz.tolist()):
            dx, dy, dz = px - x, py - y, pz - z
            # The axes of the object are the columns of R.
            local = (
                math.cos(yaw) * dx - math.sin(yaw) * dz,
                dy,
                math.sin(yaw) * dx + math.cos(yaw) * dz,
            )
            fits = all(abs(a) <= s / 2 for a, s in zip(local, truth.dims[g].tolist(), strict=True))
            if fits and img_ind[g] == points.img_ind[k]:
                expected[g, k] = local
    obj, point, local = points_in_boxes(points, truth, img_ind)
    assert list(zip(obj.tolist(), point.tolist(), strict=True)) == list(expected)
    assert len(expected) > 5
    torch.testing.assert_close(local, torch.tensor(list(expected.values()), dtype=dtype))


def test_pixels_are_those_of_each_images_camera():
    points = ImagePoints.from_images(scatter([2, 3]), views(2))
    for (x, y, z), pixel, image in zip(
        points.xyz.tolist(), points.pixel.tolist(), points.img_ind.tolist(), strict=True
    ):
        assert pixel == pytest.approx([200 * x / z + 128 + image, 190 * y / z + 64])


def test_autocast_does_not_round_pixels():
    points, cameras = scatter([20], torch.float32), views(1, torch.float32)
    expected = ImagePoints.from_images(points, cameras).pixel
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pixel = ImagePoints.from_images(points, cameras).pixel
    assert torch.equal(pixel, expected)


@pytest.mark.parametrize("objects, counts", [(0, [5]), (3, [0]), (3, [0, 0]), (0, [0])])
def test_no_object_or_no_point(objects, counts):
    points = ImagePoints.from_images(scatter(counts), views(len(counts)))
    img_ind = torch.zeros(objects, dtype=torch.long)
    obj, point, local = points_in_boxes(points, make_truth(objects), img_ind)
    assert obj.shape == point.shape == (0,)
    assert local.shape == (0, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_mean_by_cell_agrees_with_loops(dtype):
    cell, values = torch.tensor([7, 2, 7, 7, 0]), torch.randn(5, 3, dtype=dtype)
    cells, mean = mean_by_cell(cell, values)
    assert cells.tolist() == [0, 2, 7]
    expected = torch.stack([values[4], values[1], (values[0] + values[2] + values[3]) / 3])
    torch.testing.assert_close(mean, expected)
    empty = mean_by_cell(cell[:0], values[:0])
    assert empty[0].shape == (0,) and empty[1].shape == (0, 3)
