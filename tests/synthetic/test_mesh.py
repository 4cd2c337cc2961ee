import numpy as np
import pytest

from epropnp_det.synthetic.mesh import box, circle, cone, frustum, join, loft, prism, wheel

GREY = (0.5, 0.5, 0.5)


def volume(mesh):
    return np.linalg.det(mesh.vertices[mesh.faces]).sum() / 6


@pytest.mark.parametrize(
    "mesh, expected",
    [
        (box((0, 2), (1, 4), (-1, 4), GREY), 30),
        (frustum((-1, 1, -1, 1), (-0.5, 0.5, -0.5, 0.5), (0, 3), GREY), 7),
        (prism([(0, 0), (2, 0), (0, 1)], (-2, 3), GREY), 5),
        (wheel(5.0, 2.0, (0, 0.5), GREY), 0.5 * 12),  # a regular dodecagon's area is 3 r^2
        (cone((1, 2), (2.0, 2.0), (0, 1), GREY), 8 * np.sqrt(2)),
    ],
    ids=["box", "frustum", "prism", "wheel", "cone"],
)
def test_volume_is_the_solids_and_positive(mesh, expected):
    assert volume(mesh) == pytest.approx(expected)


def test_loft_is_wound_outward_whichever_way_it_is_given():
    low = np.column_stack([circle(8), np.zeros(8)])
    high = low + (0.3, 0, 1)
    for one, other in ((low, high), (high, low), (low[::-1], high[::-1])):
        assert volume(loft(one, other, GREY)) == pytest.approx(2 * np.sqrt(2))


def test_wheel_stands_on_the_ground():
    np.testing.assert_allclose(
        wheel(1.0, 0.4, (-0.1, 0.1), GREY).bounds, [[0.6, -0.1, 0.0], [1.4, 0.1, 0.8]], atol=1e-12
    )


def test_joined_and_moved_parts_keep_their_colours_and_volumes():
    parts = [box((0, 1), (0, 1), (0, 1), GREY), box((3, 5), (0, 1), (0, 1), (1.0, 0.0, 0.0))]
    pose = np.array([[0.0, -1, 0, 9], [1, 0, 0, 8], [0, 0, 1, 7], [0, 0, 0, 1]])
    mesh = join(parts).moved(pose)
    assert volume(mesh) == pytest.approx(3)
    np.testing.assert_allclose(mesh.bounds, [[8, 8, 7], [9, 13, 8]])
    red = mesh.vertices[mesh.faces[(mesh.colours == (1.0, 0.0, 0.0)).all(1)]]
    assert len(red) == 12 and red[..., 1].min() == 11
