import gc

import pytest

from epropnp_det.datasets.garbage import no_garbage_collection


def test_collection_goes_on_afterwards():
    with pytest.raises(ValueError, match="within"), no_garbage_collection():
        assert not gc.isenabled()
        raise ValueError("within")
    assert gc.isenabled()


def test_collection_that_was_off_stays_off():
    gc.disable()
    try:
        with no_garbage_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
