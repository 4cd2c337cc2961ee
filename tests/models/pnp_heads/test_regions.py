import pytest
import torch

from epropnp_det.models.pnp_heads.regions import Regions

SIZE = 4
# Two overlapping boxes of image 0, one apart, one that only touches, and two of image 1, equal.
BOXES = [
    [10.0, 20, 50, 60],
    [30.0, 30, 90, 50],
    [100.0, 10, 120, 30],
    [120.0, 10, 140, 30],
    [10.0, 20, 50, 60],
    [10.0, 20, 50, 60],
]
IMAGES = [0, 0, 0, 0, 1, 1]


def make_regions(dtype=torch.float64, chosen=range(6)) -> Regions:
    boxes = torch.tensor(BOXES, dtype=dtype).reshape(-1, 4)[list(chosen)]
    return Regions(boxes, torch.tensor(IMAGES)[list(chosen)], SIZE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_overlaps_agree_with_loops(slow_overlaps, dtype):
    values = 3 * torch.randn(6, SIZE, SIZE, dtype=dtype)
    result = make_regions(dtype).overlaps().logsumexp(values)
    assert result.dtype == dtype
    expected = slow_overlaps(values, BOXES, IMAGES)
    torch.testing.assert_close(result, expected)
    # Apart, and touching only: as they were. Two equal regions: both together.
    torch.testing.assert_close(result[2:4], values[2:4])
    torch.testing.assert_close(result[4], torch.logaddexp(values[4], values[5]))


def test_overlaps_gradient_and_extreme_values():
    values = torch.randn(6, SIZE, SIZE, dtype=torch.float64, requires_grad=True)
    overlaps = make_regions().overlaps()
    assert torch.autograd.gradcheck(overlaps.logsumexp, values)
    values = (values.detach() * 1e4).requires_grad_()
    result = overlaps.logsumexp(values)
    result.sum().backward()
    assert result.isfinite().all() and values.grad.isfinite().all()


@pytest.mark.parametrize("chosen", [[], [2]], ids=["no region", "one region"])
def test_nothing_to_overlap(chosen):
    values = torch.randn(len(chosen), SIZE, SIZE, dtype=torch.float64)
    result = make_regions(chosen=chosen).overlaps().logsumexp(values)
    torch.testing.assert_close(result, values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_aligned_pixel_coordinates_are_the_cell_centres(dtype):
    stride = 8
    v, u = torch.meshgrid(torch.arange(12), torch.arange(20), indexing="ij")
    pixels = ((torch.stack([u, v]) + 0.5) * stride).to(dtype).repeat(2, 1, 1, 1)
    regions = make_regions(dtype)
    aligned = regions.align(pixels.to(memory_format=torch.channels_last), stride)
    torch.testing.assert_close(aligned.permute(0, 2, 3, 1), regions.pixels())
    for i, box in enumerate(BOXES):
        for row in range(SIZE):
            for column in range(SIZE):
                expected = (
                    box[0] + (column + 0.5) / SIZE * (box[2] - box[0]),
                    box[1] + (row + 0.5) / SIZE * (box[3] - box[1]),
                )
                assert regions.pixels()[i, row, column].tolist() == pytest.approx(expected)


def test_align_takes_each_regions_own_image_and_passes_the_gradient():
    regions = make_regions(chosen=[0, 4])
    maps = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    both = regions.align(maps, 8)
    for i in range(2):
        alone = Regions(regions.boxes[i : i + 1], torch.tensor([0]), SIZE)
        torch.testing.assert_close(alone.align(maps[i : i + 1], 8)[0], both[i])
    assert torch.autograd.gradcheck(lambda x: regions.align(x, 8), maps)
    assert make_regions(chosen=[]).align(maps, 8).shape == (0, 3, SIZE, SIZE)


def test_cells_of_pixels():
    regions = make_regions()
    pixels = [(82.5, 42.5), (30.0, 30.0), (90.0, 50.0), (29.9, 40.0), (40.0, 51.0)]
    cell, inside = regions.cell_of(torch.tensor(pixels).double(), torch.full((5,), 1))
    assert inside.tolist() == [True, True, True, False, False]
    first = SIZE**2
    assert cell[:3].tolist() == [first + 2 * SIZE + 3, first, first + SIZE**2 - 1]
