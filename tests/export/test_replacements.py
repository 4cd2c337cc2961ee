"""What the exporter puts in the place of operations, beside PyTorch's own."""

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.export.replacements import Replaced, cholesky_ex, frexp, inv_ex


@pytest.fixture(params=[torch.float32, torch.float64], ids=["single", "double"])
def dtype(request):
    return request.param


def positive(size: int, dtype: torch.dtype, batch: tuple[int, ...] = (5, 3)) -> torch.Tensor:
    half = torch.randn(*batch, size, size + 2, dtype=dtype)
    return half @ half.mT


@pytest.mark.parametrize("size", [1, 3, 4, 6])
def test_factors_and_inverses(size, dtype):
    matrix = positive(size, dtype)
    close = {"rtol": 2e-3, "atol": 1e-5} if dtype is torch.float32 else {}
    for ours, theirs in ((cholesky_ex, torch.linalg.cholesky_ex), (inv_ex, torch.linalg.inv_ex)):
        for found, expected in zip(ours(matrix), theirs(matrix), strict=True):
            assert_close(found, expected, **close)


def test_no_matrices(dtype):
    factor, failed = cholesky_ex(positive(4, dtype, (0,)))
    assert factor.shape == (0, 4, 4) and failed.shape == (0,)
    inverse, failed = inv_ex(positive(4, dtype, (0,)))
    assert inverse.shape == (0, 4, 4) and failed.shape == (0,)


@pytest.mark.parametrize("spoilt", [0.0, -1.0, torch.nan])
def test_matrices_that_have_none_are_told_and_alone(spoilt, dtype):
    matrix = positive(4, dtype, (3,))
    sound = matrix.clone()
    matrix[1, 2, 2] = spoilt
    for operation in (cholesky_ex, inv_ex):
        found, failed = operation(matrix)
        assert failed.tolist() == [0, 1, 0]
        assert_close(found[[0, 2]], operation(sound)[0][[0, 2]], rtol=0, atol=0)


def test_frexp(dtype):
    number = torch.cat([torch.logspace(-30, 30, 501, dtype=dtype), 2.0 ** torch.arange(-40, 40)])
    fraction, exponent = frexp(number.to(dtype))
    assert_close(fraction * 2.0**exponent, number.to(dtype), rtol=1e-6, atol=0)
    # A number just below a power of two may count as that power.
    assert ((fraction > 0.5 - 1e-6) & (fraction <= 1)).all()
    powers = torch.arange(-20, 20)
    exact = frexp((2.0**powers).to(dtype))
    assert_close(exact, (torch.full((40,), 0.5, dtype=dtype), (powers + 1).int()), rtol=0, atol=0)


def test_a_context_puts_them_in_place(dtype):
    matrix, number = positive(4, dtype), torch.tensor([3.0], dtype=dtype)
    with Replaced():
        found = (
            torch.linalg.cholesky_ex(matrix).L,
            torch.linalg.inv_ex(matrix).inverse,
            torch.frexp(number).mantissa,
        )
    expected = cholesky_ex(matrix).L, inv_ex(matrix).inverse, frexp(number).mantissa
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)
