import copy
import pickle

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from epropnp_det.datasets.bop import Mesh, ObjectModel, Symmetries

pytest.importorskip("embreex", reason="embreex is not installed")

from epropnp_det.datasets.bop.coordinates import SurfaceCaster  # noqa: E402

CAM2IMG = np.array([[572.4, 0, 325.3], [0, 573.6, 242.0], [0, 0, 1]])
TURN = Rotation.from_rotvec([0.7, -1.1, 0.4]).as_matrix()
PLACE = np.array([0.08, -0.05, 0.9])


def _model(mesh):
    return ObjectModel(
        1,
        float(np.linalg.norm(mesh.extents)),
        mesh.bounds[0],
        mesh.extents,
        Symmetries.none(),
        Mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32)),
    )


@pytest.fixture(scope="module")
def box():
    return _model(trimesh.creation.box(bounds=[[-0.04, -0.05, -0.02], [0.06, 0.05, 0.03]]))


def _pixels(count=48):
    middle = CAM2IMG @ PLACE
    steps = np.linspace(-60, 60, count) + 0.37
    return np.stack(np.meshgrid(*(middle[:2] / middle[2] + steps[:, None]).T), -1).reshape(-1, 2)


def _project(points):
    seen = (points @ TURN.T + PLACE) @ CAM2IMG.T
    return seen[:, :2] / seen[:, 2:]


def test_box_as_its_planes_say(box):
    pixels = _pixels()
    points, hit = SurfaceCaster().cast(box, TURN, PLACE, CAM2IMG, pixels)
    start = -TURN.T @ PLACE
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(CAM2IMG).T @ TURN
    planes = (np.stack([[-0.04, -0.05, -0.02], [0.06, 0.05, 0.03]])[:, None] - start) / rays
    near, far = planes.min(axis=0).max(axis=1), planes.max(axis=0).min(axis=1)
    assert 300 < hit.sum() < len(hit)
    np.testing.assert_array_equal(hit, near < far)
    np.testing.assert_allclose(points[hit], (start + near[:, None] * rays)[hit], atol=1e-6)
    np.testing.assert_array_equal(points[~hit], 0)
    np.testing.assert_allclose(_project(points[hit]), pixels[hit], atol=1e-3)


def test_sphere_as_its_equation_says():
    radius = 0.05
    model = _model(trimesh.creation.icosphere(6, radius))
    pixels = _pixels()
    points, hit = SurfaceCaster().cast(model, TURN, PLACE, CAM2IMG, pixels)
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(CAM2IMG).T
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    along = rays @ PLACE
    beside = np.sqrt(PLACE @ PLACE - along**2)
    np.testing.assert_array_equal(
        hit[np.abs(beside - radius) > 1e-5], beside[np.abs(beside - radius) > 1e-5] < radius
    )
    inner = hit & (beside < 0.9 * radius)
    distance = along - np.sqrt((radius**2 - beside**2).clip(0))
    expected = (rays * distance[:, None] - PLACE) @ TURN
    np.testing.assert_allclose(points[inner], expected[inner], atol=3e-5)
    np.testing.assert_allclose(_project(points[hit]), pixels[hit], atol=1e-3)


def test_no_pixel_and_no_hit(box):
    caster = SurfaceCaster()
    points, hit = caster.cast(box, TURN, PLACE, CAM2IMG, np.zeros((0, 2)))
    assert points.shape == (0, 3)
    assert hit.shape == (0,)
    points, hit = caster.cast(box, TURN, PLACE, CAM2IMG, np.zeros((1, 2)))
    assert not hit.any()
    assert not points.any()


@pytest.mark.parametrize("send", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_in_another_process_builds_its_own(box, send):
    caster = SurfaceCaster()
    pixels = _pixels(5)
    before = caster.cast(box, TURN, PLACE, CAM2IMG, pixels)
    after = send(caster).cast(box, TURN, PLACE, CAM2IMG, pixels)
    np.testing.assert_array_equal(before[0], after[0])
