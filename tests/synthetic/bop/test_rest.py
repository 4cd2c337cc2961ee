import numpy as np
import pytest

from epropnp_det.synthetic.bop.rest import rolled, turn_down
from epropnp_det.synthetic.bop.shapes import object_shapes

CUBOID = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T * (0.1, 0.06, 0.02)


def unit(rng):
    direction = rng.normal(size=3)
    return direction / np.linalg.norm(direction)


def test_a_cuboid_comes_to_rest_on_a_face():
    rng = np.random.default_rng(0)
    rests = np.array([rolled(unit(rng), CUBOID) for _ in range(100)])
    faces = np.abs(rests).argmax(1)
    np.testing.assert_allclose(np.abs(rests).max(1), 1, atol=1e-5)
    # Most often on the largest.
    assert np.bincount(faces, minlength=3)[2] > 70


def test_no_small_roll_brings_an_object_lower():
    rng = np.random.default_rng(1)
    for shape in object_shapes():
        down = rolled(unit(rng), shape.hull)
        nearby = down + 0.02 * rng.normal(size=(200, 3))
        nearby /= np.linalg.norm(nearby, axis=1, keepdims=True)
        assert (shape.hull @ nearby.T).max(0).min() > (shape.hull @ down).max() - 2e-5


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 0, -1), (0.6, -0.48, 0.64)])
def test_turned_down(direction):
    one, other = (turn_down(np.array(direction, float), angle) for angle in (0.3, 1.1))
    np.testing.assert_allclose(one @ direction, (0, 0, -1), atol=1e-12)
    np.testing.assert_allclose(one @ one.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(one), 1)
    # The two differ by the difference of the angles.
    np.testing.assert_allclose(np.trace(other @ one.T), 1 + 2 * np.cos(0.8))
