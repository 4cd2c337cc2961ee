import numpy as np

from epropnp_det.synthetic.bop.camera import Camera
from epropnp_det.synthetic.bop.draw import CLUTTER, DEPTH, OBJECTS, draw_shot

CAMERA = Camera.linemod((640, 480))
SHOTS = [draw_shot((0, i), CAMERA) for i in range(6)]


def test_the_same_seed_gives_the_same_and_another_another():
    again = draw_shot((0, 0), CAMERA)
    for one, two in zip(SHOTS[0].bodies, again.bodies, strict=True):
        np.testing.assert_array_equal(one.translation, two.translation)
        np.testing.assert_array_equal(one.colours, two.colours)
    assert not np.allclose(SHOTS[0].bodies[0].translation, SHOTS[1].bodies[0].translation)


def test_each_object_once_and_clutter_behind_in_the_list():
    for shot in SHOTS:
        numbers = [body.number for body in shot.bodies]
        count = len(shot.objects)
        assert 1 <= count <= OBJECTS[1] and len(numbers) - count <= CLUTTER[1]
        assert numbers[:count] == sorted(set(numbers[:count])) and not any(numbers[count:])
        assert all(0 < number <= 8 for number in numbers[:count])
    assert np.mean([len(shot.objects) for shot in SHOTS]) >= OBJECTS[0]


def test_bodies_are_near_in_front_of_the_planes_and_overlap_nothing():
    for shot in SHOTS:
        for i, body in enumerate(shot.bodies):
            np.testing.assert_allclose(body.rotation @ body.rotation.T, np.eye(3), atol=1e-12)
            assert np.linalg.det(body.rotation) > 0
            assert DEPTH[0] <= body.translation[2] <= DEPTH[1]
            for plane in shot.planes:
                assert (body.corners @ plane.normal).min() > plane.offset - 1e-5
            assert not any(body.overlaps(other) for other in shot.bodies[:i])


def test_bodies_stand_on_tables_and_float_before_walls():
    tables = [shot for shot in SHOTS if len(shot.planes) == 2]
    assert 0 < len(tables) < len(SHOTS)
    for shot in tables:
        table = shot.planes[0]
        np.testing.assert_array_equal(table.normal, shot.up)
        gaps = [(body.corners @ table.normal).min() - table.offset for body in shot.bodies]
        np.testing.assert_allclose(gaps, 0, atol=1e-6)


def test_upright_bodies_stand_on_tables_with_z_up():
    for i in range(3):
        shot = draw_shot((0, i), CAMERA, upright=True)
        assert len(shot.planes) == 2
        for body in shot.objects:
            # The animal's legs are not of one length.
            assert body.rotation[:, 2] @ shot.up > np.cos(0.07)
        stood = [(body.corners @ shot.up).min() for body in shot.bodies]
        np.testing.assert_allclose(stood, shot.planes[0].offset, atol=1e-6)


def test_planes_face_the_camera():
    for shot in SHOTS:
        for plane in shot.planes:
            assert plane.offset < 0
            np.testing.assert_allclose(plane.axes @ plane.normal, 0, atol=1e-12)
            np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)
