import numpy as np
import pytest

from epropnp_det.synthetic.bop import solid
from epropnp_det.synthetic.bop.models import object_models
from epropnp_det.synthetic.bop.shapes import clutter_shapes
from epropnp_det.synthetic.bop.tessellate import tessellate


def volume(surface):
    return np.linalg.det(surface.vertices[surface.faces]).sum() / 6


def test_volume_and_normals_of_an_ellipsoid():
    radii = np.array([0.05, 0.03, 0.04])
    surface = tessellate(solid.ellipsoid(radii), radii + 0.01, 0.002)
    assert volume(surface) == pytest.approx(4 / 3 * np.pi * radii.prod(), rel=3e-3)
    np.testing.assert_allclose(np.linalg.norm(surface.vertices / radii, axis=1), 1, atol=1e-6)
    normals = surface.vertices / radii**2
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert (normals * surface.normals).sum(1).min() > 0.9999


def test_a_solid_too_thin_for_blocks_to_notice():
    # Blocks are 16 mm wide, and the plate lies between their middles.
    surface = tessellate(solid.box((0.05, 0.05, 0.005), 0.001), np.full(3, 0.04), 0.002)
    assert volume(surface) == pytest.approx(0.05 * 0.05 * 0.005, rel=0.02)


def test_vertices_are_mirrored():
    surface = tessellate(solid.box((0.05, 0.03, 0.02), 0.003), np.full(3, 0.03), 0.003)
    found = {tuple(vertex) for vertex in np.round(surface.vertices, 7) + 0.0}
    for axis in range(3):
        sign = np.ones(3)
        sign[axis] = -1
        assert {tuple(vertex) for vertex in np.array(list(found)) * sign + 0.0} == found


def directed_edges(surface):
    return np.concatenate([np.roll(surface.faces, -i, axis=1)[:, :2] for i in range(3)])


def test_sheets_that_touch_are_parted():
    """Two balls whose gap is narrower than a cell, along a diagonal of the grid."""
    balls = [
        solid.moved(solid.ellipsoid([0.02] * 3), (side, side, 0)) for side in (-0.0143, 0.0143)
    ]
    surface = tessellate(solid.joined(balls, 0), np.full(3, 0.04), 0.002)
    edges = directed_edges(surface)
    assert len(np.unique(edges, axis=0)) == len(edges)


def test_every_surface_is_closed_and_faces_outwards():
    surfaces = [model.surface for model in object_models()]
    surfaces += [model.evaluation for model in object_models()]
    surfaces += [shape.surface for shape in clutter_shapes()]
    for surface in surfaces:
        # Every edge has one triangle on each side, which go along it in opposite ways.
        edges = np.unique(directed_edges(surface), axis=0)
        assert len(edges) == 3 * len(surface.faces)
        np.testing.assert_array_equal(np.unique(edges[:, ::-1], axis=0), edges)
        one, two, three = np.moveaxis(surface.vertices[surface.faces], 1, 0)
        across = np.cross(two - one, three - one)
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        agreement = (across * surface.normals[surface.faces].mean(1)).sum(1)
        assert agreement.min() > 0 and np.quantile(agreement, 0.01) > 0.8
