import numpy as np
import pytest

from epropnp_det.synthetic.palette import PALETTES, draw_colours
from epropnp_det.synthetic.shapes import shape
from epropnp_det.synthetic.world import ROADSIDE_SIZES, SIZE_STATISTICS

PAINT, ACCENT = (0.5, 0.1, 0.2), (0.1, 0.3, 0.6)
BACKDROP_SIZES = {"building": (12.0, 18.0, 14.0), "tree": (3.0, 3.0, 7.0), "lamp": (1.8, 0.24, 7.0)}
HEADED = sorted({*SIZE_STATISTICS, *ROADSIDE_SIZES} - {"traffic_cone", "barrier"})


def sizes(name):
    """Mean (l, w, h) of a class and all its corners that can be drawn."""
    if name in BACKDROP_SIZES:
        return [BACKDROP_SIZES[name]]
    mean, std = map(np.array, (SIZE_STATISTICS | ROADSIDE_SIZES)[name])
    signs = [np.zeros(3), *np.array(np.meshgrid(*[(-1.5, 1.5)] * 3)).reshape(3, -1).T]
    return [tuple((mean + sign * std)[[0, 2, 1]]) for sign in signs]


def volume(mesh):
    return np.linalg.det(mesh.vertices[mesh.faces]).sum() / 6


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("name", sorted(PALETTES))
def test_mesh_fills_exactly_its_box(name, moving):
    for size in sizes(name):
        mesh = shape(name, size, PAINT, ACCENT, moving)
        half = np.divide(size, 2)
        np.testing.assert_allclose(mesh.bounds, [-half, half], rtol=0, atol=1e-9)
        assert volume(mesh) > 0
        assert mesh.colours.shape == mesh.faces.shape
        assert mesh.colours.min() >= 0 and mesh.colours.max() <= 1


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_every_triangle_faces_out_of_its_convex_part(name):
    mesh = shape(name, sizes(name)[0], PAINT, ACCENT, True)
    for part in parts(mesh):
        faces = mesh.faces[part]
        inside = mesh.vertices[np.unique(faces)].mean(0)
        assert (np.linalg.det(mesh.vertices[faces] - inside) > 0).all()


def parts(mesh):
    """Indices of the faces of every connected part."""
    label = np.arange(len(mesh.vertices))
    while True:
        least = label[mesh.faces].min(1)
        following = label.copy()
        np.minimum.at(following, mesh.faces.ravel(), np.repeat(least, 3))
        if (following == label).all():
            return [np.flatnonzero(least == value) for value in np.unique(least)]
        label = following


@pytest.mark.parametrize("name", HEADED)
def test_front_differs_from_rear(name):
    mesh = shape(name, sizes(name)[0], PAINT, ACCENT, True)
    places = mesh.vertices[mesh.faces].mean(1)
    seen = np.hstack([places, mesh.colours])
    turned = np.hstack([places * (-1, -1, 1), mesh.colours])
    nearest = np.linalg.norm(seen[:, None] - turned, axis=-1).min(1)
    assert nearest.max() > 0.05


@pytest.mark.parametrize("name", ["car", "truck", "bus", "trailer", "motorcycle", "bicycle"])
def test_red_lamps_are_behind_and_white_ones_ahead(name):
    mesh = shape(name, sizes(name)[0], (0.2,) * 3, (0.2,) * 3)
    x = mesh.vertices[mesh.faces].mean(1)[:, 0]
    red = (mesh.colours[:, 0] > 0.5) & (mesh.colours[:, 1:].max(1) < 0.1)
    white = mesh.colours.min(1) > 0.88
    assert red.any() and (x[red] < 0).all()
    assert name == "trailer" or (white.any() and (x[white] > 0).all())


@pytest.mark.parametrize("name", ["bicycle", "motorcycle"])
def test_only_moving_two_wheelers_have_riders(name):
    size = sizes(name)[0]
    ridden, parked = (shape(name, size, PAINT, ACCENT, moving) for moving in (True, False))
    assert len(ridden.faces) > len(parked.faces)
    assert (ridden.colours == ACCENT).all(1).any() and not (parked.colours == ACCENT).all(1).any()


def test_colours_follow_the_seed_and_vary():
    drawn = [draw_colours("car", np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
