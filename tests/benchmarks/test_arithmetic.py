import re

import arithmetic
import pytest


def test_constants_are_the_sums_of_the_table() -> None:
    """Every block of the table in the docstring ends with its sum."""
    block, sums = [], []
    for line in arithmetic.__doc__.splitlines():
        numbers = [int(n) for n in re.findall(r"\d+", line)]
        if re.fullmatch(r"\s+\d+\s+\d+", line):
            assert numbers == [sum(column) for column in zip(*block, strict=True)]
            sums.append(dict(zip((4, 6), numbers, strict=True)))
            block = []
        elif re.fullmatch(r"\s+\D.*?\s+\d+\s+\d+", line) and "DoF" not in line:
            block.append(numbers[-2:])
    assert sums == [arithmetic.COST, arithmetic.NORMAL_EQUATIONS, arithmetic.BACKWARD]


def test_operations_of_one_iteration_by_hand() -> None:
    models, solve = 2 * 10 * 91, 21 + 32
    assert arithmetic.lm_operations(dof=4, num_points=10, num_iter=1) == models + solve


def test_rate_is_that_of_a_matrix_product(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 2.0, 2.0, 3.0])
    monkeypatch.setattr(arithmetic.time, "perf_counter", lambda: next(times))
    assert arithmetic.peak_rate("cpu", size=8, repeats=2) == 2 * 8**3 / 1.0
