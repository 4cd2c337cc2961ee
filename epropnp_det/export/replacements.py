"""What ONNX has no operators for, in terms of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Entries = list[list[Tensor]]
"""A lower triangle, row by row; each entry is a tensor (...) of many matrices'."""


class Factor(NamedTuple):
    """Lower Cholesky factors (..., D, D), and 1 where a pivot is not positive, else 0, (...)."""

    L: Tensor
    info: Tensor


class Inverse(NamedTuple):
    """Inverse matrices (..., D, D), and 1 where there is none, else 0, (...)."""

    inverse: Tensor
    info: Tensor


class Parts(NamedTuple):
    """Fractions in [1/2, 1) and powers of two whose products are the numbers, (...)."""

    mantissa: Tensor
    exponent: Tensor


def cholesky_ex(matrix: Tensor) -> Factor:
    """``torch.linalg.cholesky_ex`` of small matrices (..., D, D), unrolled."""
    factor, pivots = _factor(matrix)
    failed = ~torch.stack([pivot > 0 for pivot in pivots]).all(0)
    return Factor(_filled(factor), failed.to(torch.int32))


def inv_ex(matrix: Tensor) -> Inverse:
    """``torch.linalg.inv_ex`` of symmetric positive matrices (..., D, D), such as normal matrices.

    Of others the numbers are not finite, or mean nothing.
    """
    factor, pivots = _factor(matrix)
    failed = ~torch.stack([pivot > 0 for pivot in pivots]).all(0)
    inverse = _filled(_inverse(factor))
    product = (inverse[..., None] * inverse[..., None, :]).sum(-3)
    return Inverse(product, failed.to(torch.int32))


def frexp(number: Tensor) -> Parts:
    """``torch.frexp`` of positive numbers; NaN elsewhere."""
    exponent = number.log2().floor() + 1
    return Parts(number / torch.exp2(exponent), exponent.to(torch.int32))


REPLACEMENTS: dict[Callable, Callable] = {
    torch.linalg.cholesky_ex: cholesky_ex,
    torch.linalg.inv_ex: inv_ex,
    torch.frexp: frexp,
}


class Replaced(TorchFunctionMode):
    """A context in which these functions are replaced."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Call the function, or what stands for it."""
        return REPLACEMENTS.get(func, func)(*args, **(kwargs or {}))


def _factor(matrix: Tensor) -> tuple[Entries, list[Tensor]]:
    """Cholesky factor and the squares of its diagonal."""
    factor: Entries = []
    pivots: list[Tensor] = []
    for i in range(matrix.shape[-1]):
        row: list[Tensor] = []
        for j in range(i):
            row.append((matrix[..., i, j] - _dot(row, factor[j])) / factor[j][j])
        pivots.append(matrix[..., i, i] - _dot(row, row))
        factor.append([*row, pivots[-1].sqrt()])
    return factor, pivots


def _inverse(factor: Entries) -> Entries:
    """Of a lower triangle, which is one again."""
    inverse: Entries = []
    for i, row in enumerate(factor):
        new = []
        for j in range(i):
            column = [inverse[k][j] for k in range(j, i)]
            new.append(-_dot(row[j:i], column) / row[i])
        inverse.append([*new, 1 / row[i]])
    return inverse


def _dot(a: list[Tensor], b: list[Tensor]) -> Tensor | int:
    return sum(x * y for x, y in zip(a, b, strict=False))


def _filled(lower: Entries) -> Tensor:
    """(..., D, D), with zeros above the diagonal."""
    zero = torch.zeros_like(lower[0][0])
    rows = [[*row, *[zero] * (len(lower) - len(row))] for row in lower]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
