import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from epropnp_det.synthetic import mesh
from epropnp_det.synthetic.raycast import BACKDROP, GROUND, NOTHING, cast
from epropnp_det.synthetic.shapes import shape
from epropnp_det.synthetic.world import Solid


def box_at(centre, size=(2.0, 2.0, 2.0), rotation=None):
    pose = np.eye(4)
    pose[:3, 3] = centre
    if rotation is not None:
        pose[:3, :3] = rotation
    ranges = [(-side / 2, side / 2) for side in size]
    return Solid(mesh.box(*ranges, (0.5, 0.5, 0.5)), pose)


def random_rays(rng, count):
    rays = rng.normal(size=(count, 3))
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def entry_distance(origin, rays, solid):
    """Distance at which rays meet a lone solid, inf where they miss it."""
    hits = cast(origin, rays, [solid])
    assert hits.covered == hits.visible == (hits.index == 0).sum()
    return np.where(hits.index == 0, hits.distance, np.inf)


def test_distance_to_a_face():
    origin, ahead = np.array([0.0, 0.0, 1.0]), np.array([[1.0, 0.0, 0.0]])
    assert entry_distance(origin, ahead, box_at((5, 0, 1)))[0] == pytest.approx(4)
    assert entry_distance(origin, -ahead, box_at((5, 0, 1)))[0] == np.inf
    assert len(entry_distance(origin, ahead[:0], box_at((5, 0, 1)))) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_agrees_with_marching_along_the_rays(seed):
    rng = np.random.default_rng(seed)
    centre, size = rng.uniform(-4, 4, 3) + (0, 0, 30), rng.uniform(0.5, 3, 3)
    box = box_at(centre, tuple(size), Rotation.random(random_state=seed).as_matrix())
    origin = centre + 8 * random_rays(rng, 1)[0]
    rays = random_rays(rng, 50) + (centre - origin) / 4
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    step = 0.01
    marched = origin + np.arange(0, 16, step)[:, None, None] * rays
    margin = size / 2 - np.abs((marched - centre) @ box.pose[:3, :3])
    inside = (margin > 0).all(-1)
    first = np.where(inside.any(0), inside.argmax(0) * step, np.inf)
    found = entry_distance(origin, rays, box)
    # A ray that merely grazes an edge can pass between two steps.
    certain = inside.any(0) | ~np.isfinite(found) | (margin.min(-1).max(0) < -step)
    assert np.array_equal(np.isfinite(found)[certain], np.isfinite(first)[certain])
    both = np.isfinite(found) & np.isfinite(first)
    assert (np.abs(found[both] - first[both]) <= step + 1e-5).all()


def test_nearest_box_hides_others_and_each_is_counted_alone():
    origin = np.array([0.0, 0.0, 1.0])
    rays = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 0, 1.0]])
    hits = cast(origin, rays, [box_at((9, 0, 1)), box_at((5, 0, 1))])
    assert hits.index.tolist() == [1, GROUND, NOTHING]
    assert hits.distance.tolist() == pytest.approx([4, 1, np.inf])
    assert hits.covered.tolist() == [1, 1]
    assert hits.visible.tolist() == [0, 1]


def test_hidden_rays_are_counted_in_every_direction():
    """Plates stand around the origin, each with an equal one behind it."""
    rng = np.random.default_rng(0)
    angles = np.arange(0, 2 * np.pi, np.pi / 3)
    plates = [
        box_at(
            (distance * np.cos(angle), distance * np.sin(angle), 5),
            (0.01, width, 2.0),
            Rotation.from_euler("z", angle).as_matrix(),
        )
        for distance, width in ((10, 2.0), (5, 2.0))
        for angle in angles
    ]
    rays = random_rays(rng, 20_000)
    for chosen in (rays, rays[rays @ (0.6, 0.8, 0) > 0.9]):
        hits = cast(np.array([0, 0, 5.0]), chosen, plates)
        expected = np.zeros(len(plates), int)
        for number, (distance, angle) in enumerate((d, a) for d in (10, 5) for a in angles):
            local = chosen @ Rotation.from_euler("z", angle).as_matrix()
            local = local[local[:, 0] > 0]
            met = np.abs(local[:, 1:] / local[:, :1]).max(1) <= 1 / (distance - 0.005)
            expected[number] = met.sum()
        np.testing.assert_array_equal(hits.covered, expected)
        assert (hits.visible[:6] == 0).all() and (hits.visible[6:] == expected[6:]).all()
        assert expected.max() > 20


def test_backdrop_hides_and_is_not_counted():
    origin, rays = np.array([0.0, 0.0, 1.0]), np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    hits = cast(origin, rays, [box_at((9, 0, 1))], [box_at((5, 0, 1)), box_at((-5, 0, 1))])
    assert hits.index.tolist() == [BACKDROP, BACKDROP]
    assert hits.covered.tolist() == [1] and hits.visible.tolist() == [0]


@pytest.mark.parametrize("name", ["car", "bicycle", "pedestrian", "construction_vehicle"])
def test_agrees_with_testing_every_triangle(name):
    rng = np.random.default_rng(1)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.from_euler("z", 0.7).as_matrix(), (900, 700, 0.9)
    solid = Solid(shape(name, (3.0, 1.5, 1.8), (0.5,) * 3, (0.1,) * 3, True), pose)
    origin = pose[:3, 3] + (6, -3, 1)
    rays = pose[:3, 3] + rng.uniform(-1.6, 1.6, (300, 3)) - origin
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    corners = solid.mesh.moved(pose).vertices[solid.mesh.faces]
    expected = np.array([nearest_crossing(origin, ray, corners) for ray in rays])
    found = entry_distance(origin, rays, solid)
    assert 20 < np.isfinite(expected).sum() < 300
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def nearest_crossing(origin, ray, corners):
    """Distance to the nearest triangle, seen from either side, by Moeller and Trumbore's method."""
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(ray, two)
    determinant = (one * across).sum(-1)
    offset = origin - corners[:, 0]
    u = (offset * across).sum(-1) / determinant
    turned = np.cross(offset, one)
    v = turned @ ray / determinant
    distance = (two * turned).sum(-1) / determinant
    return distance[(u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)].min(initial=np.inf)


def test_no_boxes():
    hits = cast(np.array([0.0, 0, 2]), np.array([[0.0, 0, -1.0]]), [])
    assert hits.distance.tolist() == [2]
    assert hits.covered.shape == hits.visible.shape == (0,)
