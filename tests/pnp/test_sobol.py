import pytest
import torch

from epropnp_det.pnp.sobol import _direction_digits, scrambled_sobol

stats = pytest.importorskip("scipy.stats")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_slice_holds_one_point(dtype):
    points = scrambled_sobol(128, 9, 20, generator(), dtype)
    assert points.shape == (20, 9, 128) and points.dtype == dtype
    assert points.min() > 0 and points.max() < 1
    for block in points.split(32, dim=2):  # and so does every later block of a power of two
        slices = (block * 32).long().sort(dim=2).values
        assert torch.equal(slices, torch.arange(32).expand(20, 9, 32))
    slices = (points * 128).long().sort(dim=2).values
    assert torch.equal(slices, torch.arange(128).expand(20, 9, 128))


def test_first_two_dimensions_fill_every_elementary_box():
    points = scrambled_sobol(64, 2, 5, generator())
    for bits in range(7):
        first, second = (points[:, 0] * 2**bits).long(), (points[:, 1] * 2 ** (6 - bits)).long()
        box = first * 2 ** (6 - bits) + second
        assert torch.equal(box.sort(dim=1).values, torch.arange(64).expand(5, 64))


def test_each_point_is_uniform_and_objects_are_independent():
    points = scrambled_sobol(4, 2, 4000, generator(1), torch.float64)
    for dim in range(2):
        for k in range(4):
            assert stats.kstest(points[:, dim, k].numpy(), "uniform").pvalue > 1e-4
        neighbours = torch.corrcoef(torch.stack((points[:-1, dim, 3], points[1:, dim, 3])))[0, 1]
        assert neighbours.abs() < 4 / 4000**0.5


def test_integrates_better_than_independent_points():
    points = scrambled_sobol(256, 4, 500, generator(), torch.float64)
    means = (points**2).sum(1).mean(1)
    independent = (4 * (1 / 5 - 1 / 9) / 256) ** 0.5
    assert means.mean().item() == pytest.approx(4 / 3, abs=4 * means.std().item() / 500**0.5)
    assert means.std() < 0.1 * independent


def test_direction_numbers_are_those_of_the_sequence():
    digits = _direction_digits(5, 6, torch.device("cpu"))[:, :, 0]  # (digit, number, dimension)
    points = torch.zeros(5, 1, dtype=torch.int32)
    numbers = sum((-digits[b]) << (5 - b) for b in range(6))
    for number in numbers:
        points = torch.cat((points, points ^ number[:, None]), dim=1)
    expected = torch.quasirandom.SobolEngine(5).draw(64, dtype=torch.float64).mT * 64
    assert torch.equal(points.sort(dim=1).values, expected.int().sort(dim=1).values)


def test_small_shapes_and_seeds():
    assert scrambled_sobol(1, 3, 2).shape == (2, 3, 1)
    assert scrambled_sobol(8, 3, 0).shape == (0, 3, 8)
    assert scrambled_sobol(11, 1, 1).unique().numel() == 11
    one, same, other = (scrambled_sobol(8, 3, 2, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
