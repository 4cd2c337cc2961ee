import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from epropnp_det.synthetic.raycast import GROUND, NOTHING, cast, entry_distance
from epropnp_det.synthetic.world import Box


def box_at(centre, size=(2.0, 2.0, 2.0), rotation=None):
    pose = np.eye(4)
    pose[:3, 3] = centre
    if rotation is not None:
        pose[:3, :3] = rotation
    return Box(pose, size)


def random_rays(rng, count):
    rays = rng.normal(size=(count, 3))
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def test_distance_to_a_face():
    origin, ahead = np.array([0.0, 0.0, 1.0]), np.array([[1.0, 0.0, 0.0]])
    assert entry_distance(origin, ahead, box_at((5, 0, 1)))[0] == pytest.approx(4)
    assert entry_distance(origin, -ahead, box_at((5, 0, 1)))[0] == np.inf
    assert entry_distance(origin, ahead, box_at((0, 0, 1)))[0] == np.inf  # starts inside
    assert len(entry_distance(origin, ahead[:0], box_at((5, 0, 1)))) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_agrees_with_marching_along_the_rays(seed):
    rng = np.random.default_rng(seed)
    centre, size = rng.uniform(-4, 4, 3), rng.uniform(0.5, 3, 3)
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
    assert (np.abs(found[both] - first[both]) <= step + 1e-9).all()


def test_nearest_box_hides_others_and_each_is_counted_alone():
    origin = np.array([0.0, 0.0, 1.0])
    rays = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 0, 1.0]])
    hits = cast(origin, rays, [box_at((9, 0, 1)), box_at((5, 0, 1))])
    assert hits.index.tolist() == [1, GROUND, NOTHING]
    assert hits.distance.tolist() == pytest.approx([4, 1, np.inf])
    assert hits.covered.tolist() == [1, 1]
    assert hits.visible.tolist() == [0, 1]


def test_no_boxes():
    hits = cast(np.array([0.0, 0, 2]), np.array([[0.0, 0, -1.0]]), [])
    assert hits.distance.tolist() == [2]
    assert hits.covered.shape == hits.visible.shape == (0,)
