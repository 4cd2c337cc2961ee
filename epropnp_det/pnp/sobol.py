"""Quasi-random points: scrambled Sobol sequences, one an object."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

BITS = 23
"""Digits of a coordinate: with half a step added, single precision holds every one exactly."""


def scrambled_sobol(
    num_points: int,
    num_dims: int,
    num_objects: int,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Points that fill the unit cube more evenly than independent ones.

    Each point is uniform in the cube. Of the first 2^m points of an object, and of every later
    block of 2^m, one lies in each of the 2^m equal slices along any axis. Objects are independent:
    each has its own random linear matrix scramble and digital shift (Matousek, On the
    L2-discrepancy for anchored boxes, 1998), which give an integral the variance of Owen's nested
    scramble (Owen, Variance with alternative scramblings of digital nets, 2003) at a few operations
    on the direction numbers alone.

    Args:
        num_points: K, at most 2^23.
        num_dims: D, at most 21201.
        num_objects: B.
        generator: source of random numbers, on ``device``.
        dtype: of the points, float32 or float64.
        device: of the points.

    Returns:
        (B, D, K), above 0 and below 1.
    """
    bits = max(num_points - 1, 0).bit_length()

    def random(*size: int) -> Tensor:
        return torch.randint(2**BITS, size, generator=generator, dtype=torch.int32, device=device)

    # Column b of a scramble has its first one at digit b, and random digits after it.
    digits = torch.arange(1, bits + 1, dtype=torch.int32, device=device)[:, None, None]
    columns = (random(bits, num_objects, num_dims) >> digits) | (2**BITS >> digits)
    directions = torch.zeros_like(columns)
    for mask, column in zip(_direction_digits(num_dims, bits, device), columns, strict=True):
        directions ^= mask & column

    points = columns.new_empty(num_objects, num_dims, 2**bits)
    points[:, :, 0] = random(num_objects, num_dims)
    for n, direction in enumerate(directions[..., None]):  # one more binary digit of the index
        known, new = points[:, :, : 2**n], points[:, :, 2**n : 2 ** (n + 1)]
        torch.bitwise_xor(known, direction, out=new)
    return (points[:, :, :num_points].to(dtype) + 0.5) * 2.0**-BITS


@cache
def _direction_digits(num_dims: int, bits: int, device: torch.device | str) -> Tensor:
    """Digits of the unscrambled direction numbers as masks, 0 or -1: (digit, number, 1, D)."""
    # Point 2^(n + 1) - 1 of torch's sequence, which is in the order of Gray codes, is number n.
    at = 2 ** (torch.arange(bits) + 1) - 1
    points = torch.quasirandom.SobolEngine(num_dims).draw(2**bits, dtype=torch.float64)
    numbers = (points[at] * 2**BITS).to(torch.int32)
    places = BITS - 1 - torch.arange(bits, dtype=torch.int32)
    return -(numbers >> places[:, None, None] & 1)[:, :, None].to(device)
