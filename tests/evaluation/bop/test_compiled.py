import numba
import numpy as np

from epropnp_det.evaluation.bop.compiled import compiled


def total(values):
    found = 0.0
    for value in values:
        found += value
    return found


def test_where_nothing_can_be_kept(monkeypatch):
    """As in a container whose file system may only be read."""
    stock, asked = numba.njit, []

    def njit(loop, cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return stock(loop, **options)

    monkeypatch.setattr(numba, "njit", njit)
    loop = compiled(total)
    assert asked == [True, False]
    assert loop(np.array([1.0, 2.0])) == 3
