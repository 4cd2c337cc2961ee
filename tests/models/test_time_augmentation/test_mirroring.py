from dataclasses import replace

import pytest
import torch

from epropnp_det.models.pnp_heads import ObjectPredictions
from epropnp_det.models.test_time_augmentation.mirroring import (
    merge_predictions,
    mirror_predictions,
    mirrored_cells,
)


def nearest_cells(sizes, strides, width: int) -> list[int]:
    """The definition, one cell at a time."""
    cells, first = [], 0
    for (rows, columns), stride in zip(sizes, strides, strict=True):
        for row in range(rows):
            for column in range(columns):
                mirrored = width - (column + 0.5) * stride
                there = [j for j in range(columns) if j * stride <= mirrored < (j + 1) * stride]
                outside = 0 if mirrored < 0 else columns - 1
                cells.append(first + row * columns + (there[0] if there else outside))
        first += rows * columns
    return cells


@pytest.mark.parametrize("width", [64, 63, 50, 33, 1])
def test_cells_of_a_padded_image(width):
    sizes, strides = [(4, 16), (2, 8), (1, 3)], [4, 8, 16]
    (cells,) = mirrored_cells(sizes, strides, torch.tensor([float(width)]))
    assert cells.tolist() == nearest_cells(sizes, strides, width)


def test_widths_of_a_batch_are_their_own():
    sizes, strides = [(2, 8)], [8]
    widths = torch.tensor([64.0, 40.0])
    cells = mirrored_cells(sizes, strides, widths)
    for one, width in zip(cells, widths, strict=True):
        assert torch.equal(one, mirrored_cells(sizes, strides, width[None])[0])
    assert mirrored_cells(sizes, strides, widths[:0]).shape == (0, 16)


def test_mirroring_twice_changes_no_cell_where_strides_divide_the_width():
    (cells,) = mirrored_cells([(3, 12), (2, 6)], [8, 16], torch.tensor([96.0]))
    assert cells[cells].tolist() == list(range(48))
    assert cells.reshape(-1)[:12].tolist() == list(range(11, -1, -1))


@pytest.fixture(params=[torch.float32, torch.float64])
def pred(request) -> ObjectPredictions:
    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, dtype=request.param)

    return ObjectPredictions(
        x3d=random(3, 5, 3),
        x2d=100 * random(3, 5, 2),
        w2d=random(3, 5, 2),
        scale=random(3, 2),
        dim_code=random(3, 3),
        dims=1 + random(3, 3),
        score_logit=random(3) - 0.5,
        velocity=random(3, 2),
        attr_logit=random(3, 9),
    )


def take(pred: ObjectPredictions, index) -> ObjectPredictions:
    return ObjectPredictions(**{name: x[index] for name, x in vars(pred).items()})


def assert_same(one: ObjectPredictions, other: ObjectPredictions) -> None:
    for name, value in vars(one).items():
        torch.testing.assert_close(value, getattr(other, name), msg=name)


def test_mirrored_object_by_object(pred):
    mirrored, widths = torch.tensor([True, False, True]), torch.tensor([90.0, 90, 64]).to(pred.x3d)
    result = mirror_predictions(pred, mirrored, widths)
    for i in range(3):
        expected = {name: x[i].clone() for name, x in vars(pred).items()}
        if mirrored[i]:
            expected["x2d"][:, 0] = widths[i] - expected["x2d"][:, 0]
            expected["x3d"][:, 2] *= -1
            expected["velocity"][0] *= -1
        for name, value in expected.items():
            assert getattr(result, name).dtype == value.dtype
            torch.testing.assert_close(getattr(result, name)[i], value)
    assert_same(mirror_predictions(result, mirrored, widths), pred)


def test_merged_object_by_object(pred):
    other = ObjectPredictions(**{name: 2 * x + 0.1 for name, x in vars(pred).items()})
    merged = merge_predictions([pred, other])
    for i in range(3):
        dims = (pred.dims[i] + other.dims[i]) / 2
        coordinates = [each.x3d[i] / each.dims[i] for each in (pred, other)]
        torch.testing.assert_close(merged.dims[i], dims)
        torch.testing.assert_close(merged.x3d[i], torch.cat(coordinates) * dims)
        for name in ("x2d", "w2d"):
            both = torch.cat([getattr(each, name)[i] for each in (pred, other)])
            assert torch.equal(getattr(merged, name)[i], both)
        score = (pred.score_logit[i].sigmoid() + other.score_logit[i].sigmoid()) / 2
        torch.testing.assert_close(merged.score_logit[i].sigmoid(), score)
        for name in ("velocity", "attr_logit"):
            mean = (getattr(pred, name)[i] + getattr(other, name)[i]) / 2
            torch.testing.assert_close(getattr(merged, name)[i], mean)


def test_one_view_alone_stays(pred):
    assert_same(merge_predictions([pred]), pred)


def test_certain_scores_stay_certain(pred):
    certain = replace(pred, score_logit=torch.tensor([200.0, -200.0, 0.0]))
    score = merge_predictions([certain, certain]).score_logit.sigmoid()
    assert score.tolist() == [1, 0, 0.5]


def test_no_objects(pred):
    none = take(pred, slice(0))
    merged = merge_predictions(
        [none, mirror_predictions(none, torch.ones(0).bool(), torch.ones(0))]
    )
    assert merged.x2d.shape == (0, 10, 2)
