import math

import pytest
import torch

from epropnp_det.models.targets import CenterPointAssigner

STRIDES = (8, 16)
RANGES = ((-1, 48), (48, float("inf")))


def grid(width: int, height: int, dtype=torch.float64) -> list[torch.Tensor]:
    """Cell centres of two levels, rows before columns."""
    levels = []
    for stride in STRIDES:
        v, u = torch.meshgrid(
            (torch.arange(height // stride, dtype=dtype) + 0.5) * stride,
            (torch.arange(width // stride, dtype=dtype) + 0.5) * stride,
            indexing="ij",
        )
        levels.append(torch.stack([u, v], -1).flatten(0, 1))
    return levels


def assign(points, boxes, centers, **settings):
    settings = dict(dict(regress_ranges=RANGES), **settings)
    boxes = torch.as_tensor(boxes, dtype=points[0].dtype).reshape(-1, 4)
    centers = torch.as_tensor(centers, dtype=points[0].dtype).reshape(-1, 2)
    return CenterPointAssigner(**settings).assign(points, STRIDES, boxes, centers)


def slow_assign(points, boxes, centers):
    """Cell by cell and box by box."""
    gt_ind, centerness = [], []
    for level, stride, (low, high) in zip(points, STRIDES, RANGES, strict=True):
        for u, v in level.tolist():
            best, best_distance = -1, math.inf
            for index, ((x1, y1, x2, y2), (cu, cv)) in enumerate(
                zip(boxes.tolist(), centers.tolist(), strict=True)
            ):
                near = abs(u - cu) < 1.5 * stride and abs(v - cv) < 1.5 * stride
                in_range = low <= max(u - x1, v - y1, x2 - u, y2 - v) <= high
                distance = math.hypot(u - cu, v - cv)
                if near and in_range and distance < best_distance:
                    best, best_distance = index, distance
            gt_ind.append(best)
            centerness.append(math.exp(-2.5 * best_distance / (1.414 * 1.5 * stride)))
    return gt_ind, centerness


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_loops(dtype):
    low, high = (torch.rand(12, 2, dtype=dtype) * 120 - 20 for _ in range(2))
    boxes = torch.cat([low.minimum(high), low.maximum(high)], -1)
    centers = (low + high) / 2 + torch.randn(12, 2, dtype=dtype)
    points = grid(96, 80, dtype)
    result = assign(points, boxes, centers)
    gt_ind, centerness = slow_assign(points, boxes, centers)
    assert result.gt_ind.tolist() == gt_ind
    assert len(set(gt_ind)) > 6
    assert result.centerness.dtype == dtype
    torch.testing.assert_close(result.centerness, torch.tensor(centerness, dtype=dtype))


def test_nearest_centre_wins_and_ignores_area():
    # Both objects claim the cells between their centres; the large one is not disadvantaged.
    boxes = [[0.0, 20, 40, 40], [25.0, 25, 35, 35]]
    result = assign(grid(64, 64), boxes, [[20.0, 28], [32.0, 28]])
    row = result.gt_ind[:64].unflatten(0, (8, 8))[3]
    assert row.tolist() == [-1, 0, 0, 1, 1, -1, -1, -1]


def test_centerness_is_one_at_the_centre_and_falls_to_the_corner():
    result = assign(grid(64, 64), [[16.0, 16, 40, 40]], [[28.0, 28]])
    level = result.centerness[:64].unflatten(0, (8, 8))
    assert level[3, 3] == 1
    torch.testing.assert_close(
        level[3, 4].item(), math.exp(-2.5 * 8 / (1.414 * 12)), rtol=1e-12, atol=0
    )
    assert (level > 0).sum() == 9


def test_large_object_goes_to_the_coarse_level():
    result = assign(grid(128, 64), [[0.0, 0, 120, 60]], [[60.0, 30]])
    assert result.gt_ind[:128].max() == -1
    assert result.gt_ind[128:].max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_image_without_objects(dtype):
    result = assign(grid(32, 32, dtype), [], [])
    assert result.gt_ind.tolist() == [-1] * 20
    assert result.gt_ind.dtype == torch.long
    assert result.centerness.tolist() == [0.0] * 20
    assert result.centerness.dtype == dtype


def test_one_pixel_box_is_found():
    result = assign(grid(32, 32), [[12.0, 12, 13, 13]], [[12.5, 12.5]])
    assert (result.gt_ind == 0).sum() == 9


def test_centre_far_outside_the_image_has_no_cell():
    result = assign(grid(32, 32), [[-90.0, -90, -80, -80]], [[-85.0, -85]])
    assert result.gt_ind.max() == -1
    assert result.centerness.max() == 0


def test_objects_far_apart_do_not_influence_each_other():
    boxes = torch.tensor([[4.0, 4, 28, 28], [80.0, 80, 96, 120]])
    centers = torch.tensor([[16.0, 16], [88.0, 100]])
    both = assign(grid(128, 128), boxes, centers).gt_ind
    first = assign(grid(128, 128), boxes[:1], centers[:1]).gt_ind
    second = assign(grid(128, 128), boxes[1:], centers[1:]).gt_ind
    torch.testing.assert_close(both, first.maximum(torch.where(second == 0, 1, -1)))


def test_number_of_levels_must_fit():
    with pytest.raises(ValueError, match="2 feature levels.*names 1 levels"):
        assign(grid(32, 32), [], [], regress_ranges=((-1, 48),))
