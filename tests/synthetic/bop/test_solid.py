import numpy as np
import pytest

from epropnp_det.synthetic.bop import solid
from epropnp_det.synthetic.bop.models import object_models
from epropnp_det.synthetic.bop.shapes import clutter_shapes

PARTS = {
    "ellipsoid": solid.ellipsoid((0.3, 0.2, 0.4)),
    "box": solid.box((0.6, 0.4, 0.5), 0.05),
    "cylinder": solid.cylinder(0.3, 0.6, 0.05),
    "capsule": solid.capsule((-0.2, 0, 0.1), (0.2, 0.1, 0), (0.2, 0.1)),
    "ring": solid.ring(0.3, 0.1),
    "turned": solid.turned([(-0.4, 0.2), (0, 0.35), (0.4, 0.1)]),
    "rounded": solid.rounded(solid.box((0.4, 0.4, 0.4), 0), 0.05),
    "hollow": solid.hollow(
        solid.cylinder(0.4, 0.6, 0.02), solid.moved(solid.cylinder(0.3, 0.6, 0), (0, 0, 0.1)), 0.03
    ),
    "joined": solid.joined([solid.ring(0.3, 0.1), solid.box((0.2, 0.9, 0.1), 0.02)], 0.05),
}


def bodies():
    yield from PARTS.items()
    yield from ((model.name, model.solid) for model in object_models())
    yield from ((f"clutter {i}", shape.solid) for i, shape in enumerate(clutter_shapes()))


def test_values_change_by_at_most_the_distance():
    rng = np.random.default_rng(0)
    for name, body in bodies():
        scale = 0.1 if name in {model.name for model in object_models()} else 0.5
        one = rng.uniform(-scale, scale, (3000, 3))
        step = rng.normal(size=one.shape) * scale * 10 ** rng.uniform(-4, 0, (3000, 1))
        change = np.abs(body(one) - body(one + step))
        assert (change <= np.linalg.norm(step, axis=1) * (1 + 1e-6)).all(), name


@pytest.mark.parametrize(
    ("name", "point", "value"),
    [
        ("ellipsoid", (0, 0.2, 0), 0),
        ("ellipsoid", (0, 0.3, 0), 0.1),
        ("box", (0.4, 0, 0), 0.1),
        ("box", (0, 0, 0), -0.2),
        ("box", (0.6, 0.5, 0), np.hypot(0.35, 0.35) - 0.05),
        ("cylinder", (0.4, 0.3, 0), 0.2),
        ("cylinder", (0, 0, 0.4), 0.1),
        ("capsule", (-0.4, 0, 0.1), 0),
        ("ring", (0, -0.3, 0.3), 0.2),
        ("turned", (0.1, 0, -0.5), 0.1),
        ("rounded", (0.35, 0, 0), 0.1),
        ("hollow", (0, 0, 0.1), 0.3),
        ("joined", (0, 0.45, 0), 0),
    ],
)
def test_value_at_a_point(name, point, value):
    assert PARTS[name](np.array([point], float))[0] == pytest.approx(value, abs=1e-9)


def test_moved_and_gradient():
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    body = solid.moved(solid.box((2, 0.2, 0.2), 0.01), (1, 0, 0), turn)
    ends = np.array([[1, 1, 0], [1, -1, 0], [1.1, 0, 0]])
    np.testing.assert_allclose(body(ends), 0, atol=1e-12)
    np.testing.assert_allclose(
        solid.gradient(body, ends + 0.01 * (ends - (1, 0, 0)), 1e-4),
        [[0, 1, 0], [0, -1, 0], [1, 0, 0]],
        atol=1e-6,
    )


def test_a_seam_is_filled():
    boxes = [solid.box((1, 0.2, 0.2), 0), solid.box((0.2, 1, 0.2), 0)]
    corner = np.array([[0.11, 0.11, 0]])
    assert solid.joined(boxes, 0)(corner)[0] > 0 > solid.joined(boxes, 0.1)(corner)[0]
