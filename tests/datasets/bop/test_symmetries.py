import numpy as np
import pytest

from epropnp_det.datasets.bop import Symmetries

HALF_TURN = [-1, 0, 0, 4, 0, -1, 0, 6, 0, 0, 1, 0, 0, 0, 0, 1]


def test_without_any():
    for symmetries in (Symmetries.of_info({}), Symmetries.none()):
        np.testing.assert_array_equal(symmetries.rotation, np.eye(3)[None])
        np.testing.assert_array_equal(symmetries.translation, np.zeros((1, 3)))


def test_discrete():
    symmetries = Symmetries.of_info(dict(symmetries_discrete=[HALF_TURN]))
    assert len(symmetries) == 2
    np.testing.assert_array_equal(symmetries.rotation[1], np.diag([-1, -1, 1]))
    np.testing.assert_array_equal(symmetries.translation[1], [4, 6, 0])


@pytest.mark.parametrize(("step", "count"), [(0.01, 315), (0.1, 32), (0.5, 7)])
def test_continuous(step, count):
    axis, offset = np.array([0.0, 2, 0]), np.array([1.0, 5, -3])
    info = dict(symmetries_continuous=[dict(axis=axis, offset=offset)])
    symmetries = Symmetries.of_info(info, step)
    assert len(symmetries) == count
    np.testing.assert_array_equal(symmetries.rotation[0], np.eye(3))
    # Points of the axis stay, others keep their distance from it and go on by equal angles.
    for place in (offset, offset + 7 * axis):
        moved = symmetries.rotation @ place + symmetries.translation
        np.testing.assert_allclose(moved, np.tile(place, (count, 1)), atol=1e-12)
    moved = symmetries.rotation @ (offset + [4, 0, 0]) + symmetries.translation - offset
    angle = np.unwrap(np.arctan2(-moved[:, 2], moved[:, 0]))
    np.testing.assert_allclose(angle, 2 * np.pi / count * np.arange(count), atol=1e-12)
    np.testing.assert_allclose(moved[:, 1], 0, atol=1e-12)


def test_both():
    """Every turn follows every discrete one."""
    cont = [dict(axis=[0, 0, 1], offset=[0, 0, 0]), dict(axis=[1, 0, 0], offset=[0, 0, 0])]
    info = dict(symmetries_discrete=[HALF_TURN], symmetries_continuous=cont)
    symmetries = Symmetries.of_info(info, 0.5)
    assert len(symmetries) == 2 * (7 + 7)
    turns = symmetries.rotation[:14]
    np.testing.assert_allclose(symmetries.rotation[14:], turns @ np.diag([-1, -1, 1]), atol=1e-12)
    np.testing.assert_allclose(symmetries.translation[14:], turns @ [4, 6, 0], atol=1e-12)


@pytest.mark.parametrize(
    "info",
    [
        dict(symmetries_discrete=[[1, 2, 3]]),
        dict(symmetries_discrete=[np.diag([-1, 1, 1, 1]).ravel().tolist()]),
        dict(symmetries_discrete=[(2 * np.eye(4)).ravel().tolist()]),
        dict(symmetries_continuous=[dict(axis=[0, 0, 0], offset=[0, 0, 0])]),
        dict(symmetries_continuous=[dict(axis=[0, 1], offset=[0, 0, 0])]),
        dict(symmetries_continuous=[dict(axis=[0, 0, 1])]),
    ],
)
def test_wrong_entries(info):
    with pytest.raises((ValueError, KeyError)):
        Symmetries.of_info(info)


def test_in_metres():
    metres = Symmetries.of_info(dict(symmetries_discrete=[HALF_TURN])).scaled(1e-3)
    np.testing.assert_allclose(metres.translation, [[0, 0, 0], [0.004, 0.006, 0]])
    np.testing.assert_array_equal(metres.rotation[1], np.diag([-1, -1, 1]))
