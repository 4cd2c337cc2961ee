"""What a checkpoint records of the published file that it was converted from."""

import pytest

from epropnp_det.zoo.origin import Origin

META = dict(published_model="v2", source_sha256="ab" * 32)


def test_there_and_back():
    origin = Origin.of(dict(meta=META | dict(epoch=12)))
    assert origin == Origin("v2", "ab" * 32)
    assert origin.as_meta() == META
    assert str(origin) == f"v2, from a file with the SHA-256 {'ab' * 32}"


@pytest.mark.parametrize(
    "checkpoint",
    [
        {},
        dict(meta=None),
        dict(meta={}),
        dict(meta=dict(published_model="v2")),
        dict(meta=META | dict(source_sha256=7)),
    ],
)
def test_of_others(checkpoint):
    assert Origin.of(checkpoint) is None
