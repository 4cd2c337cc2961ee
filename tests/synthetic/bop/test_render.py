from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from epropnp_det.synthetic.bop.body import Body
from epropnp_det.synthetic.bop.camera import Camera
from epropnp_det.synthetic.bop.draw import draw_shot
from epropnp_det.synthetic.bop.pattern import PlaneTexture
from epropnp_det.synthetic.bop.render import photograph, render
from epropnp_det.synthetic.bop.shapes import object_colours, object_shapes
from epropnp_det.synthetic.bop.shot import Light, Plane, Sensor, Shot

CAMERA = Camera.linemod((160, 120))
PLATE = 5  # place in the list of objects
SENSOR = Sensor(0.2, (1, 1, 1), 0.5, 0.02, 0.004)
GREY = PlaneTexture(np.full((3, 3), 0.5), np.ones(2), 0, np.zeros(2), 1, 0)
WALL = Plane(np.array([0, 0, -1.0]), -1.5, np.eye(3)[:2], GREY)


def plate(z, number=6, x=0.0):
    """The plate across the camera's axis, its front face at ``z``."""
    shape = object_shapes()[PLATE]
    thickness = shape.surface.vertices[:, 2].max()
    turn = np.diag([1.0, -1, -1])
    return Body(
        shape,
        turn,
        np.array([x, 0, z + thickness]),
        np.ones(3),
        object_colours()[PLATE],
        (0, 1),
        number,
    )


def shot(*bodies, lights=(), planes=(WALL,)):
    even = np.ones(3)
    return Shot(tuple(bodies), planes, lights, np.array([0, -1.0, 0]), even, even, SENSOR, 7)


def test_depth_and_size_of_a_plate():
    picture = render(shot(plate(0.8)), CAMERA)
    seen = picture.index == 1
    flat = picture.depth[seen]
    np.testing.assert_allclose(np.median(flat), 0.8, atol=1e-6)
    assert flat.max() < 0.8 + 0.005  # the rounded edge
    np.testing.assert_allclose(picture.depth[picture.index == -1], 1.5, atol=1e-6)
    area = 0.2 * 0.135 * CAMERA.fx * CAMERA.fy / 0.8**2
    assert seen.sum() == pytest.approx(area, rel=0.03)


def test_even_light_shows_the_colours_of_the_file():
    picture = render(shot(plate(0.7)), CAMERA)
    rows, columns = np.nonzero(picture.index == 1)
    points = CAMERA.rays(CAMERA.image)[rows, columns] * picture.depth[rows, columns, None]
    # The front face, away from its edges.
    own = (points - (0, 0, 0.706)) * (1, -1, -1)
    inner = (np.abs(own[:, :2]) < (0.09, 0.06)).all(1)
    surface = object_shapes()[PLATE].surface
    _, nearest = cKDTree(surface.vertices).query(own[inner])
    expected = object_colours()[PLATE][nearest]
    difference = np.abs(picture.light[rows[inner], columns[inner]] - expected)
    assert difference.mean() < 0.03


def test_the_nearer_body_hides_the_other():
    front, behind = plate(0.7, number=0, x=0.03), plate(0.9)
    picture = render(shot(behind, front), CAMERA)
    one, two = picture.footprints
    inside = one.window.within(CAMERA.image)
    mask = np.zeros(picture.index.shape, bool)
    mask[CAMERA.image.part(inside)] = one.mask[one.window.part(inside)]
    assert (picture.index[mask] > 0).all()
    assert (picture.index == 2).sum() == two.mask.sum()
    assert 0 < (picture.index == 1).sum() < one.mask.sum() / 2


def test_a_body_casts_its_shadow_along_the_light():
    # From behind the camera and from its left, so that the shadow falls to the right.
    direction = np.array([-0.6, 0, -0.8])
    lights = (Light(direction, np.ones(3), True),)
    lit = render(shot(plate(1.0), lights=lights), CAMERA).light[..., 0]
    wall = render(shot(lights=lights), CAMERA).light[..., 0]
    picture = render(shot(plate(1.0), lights=lights), CAMERA)
    shadow = (picture.index == -1) & (lit < wall - 0.1)
    rows, columns = np.nonzero(shadow)
    points = CAMERA.rays(CAMERA.image)[rows, columns] * 1.5
    at = points + direction * (0.5 / 0.8)
    assert len(rows) > 100 and (np.abs(at[:, :2]) < (0.103, 0.07)).all()
    np.testing.assert_allclose(wall, 0.5 * (1 + 0.8), atol=0.01)
    np.testing.assert_allclose(lit[shadow], 0.5, atol=0.01)
    # Without, there is none.
    bright = render(shot(plate(1.0), lights=(replace(lights[0], shadows=False),)), CAMERA).light
    np.testing.assert_allclose(bright[picture.index == -1][:, 0], 0.9, atol=0.01)


def test_highlight_where_the_mirror_image_of_the_light_is():
    facing = (Light(np.array([0, 0, -1.0]), np.ones(3), False),)
    dull, glossy = plate(0.8), replace(plate(0.8), gloss=(0.5, 40.0))
    pictures = [render(shot(one, lights=facing), CAMERA) for one in (dull, glossy)]
    gain = (pictures[1].light - pictures[0].light)[..., 0]
    row, column = np.unravel_index(gain.argmax(), gain.shape)
    assert abs(row - CAMERA.cy) <= 1 and abs(column - CAMERA.cx) <= 1
    assert gain.max() == pytest.approx(0.5, abs=0.01)
    assert np.abs(gain[pictures[0].index == -1]).max() == 0


def test_an_image_without_noise_is_the_same_again_and_noise_has_its_seed():
    one = draw_shot((1, 2), CAMERA)
    light = render(one, CAMERA).light
    np.testing.assert_array_equal(light, render(draw_shot((1, 2), CAMERA), CAMERA).light)
    clean = photograph(light, one, clean=True)
    assert clean.dtype == np.uint8 and clean.shape == (120, 160, 3)
    np.testing.assert_array_equal(clean, photograph(light, one, clean=True))
    noisy = photograph(light, one)
    np.testing.assert_array_equal(noisy, photograph(light, one))
    assert (noisy != photograph(light, replace(one, noise_seed=one.noise_seed + 1))).mean() > 0.2


def test_noise_is_as_strong_as_the_sensor_says():
    even = np.full((200, 200, 3), 0.3, np.float32)
    image = photograph(even, shot(), clean=False).astype(float)
    level = photograph(even, shot(), clean=True)
    assert np.unique(level).size == 1
    linear_step = 255 * 1.055 / 2.4 * 0.2 ** (1 / 2.4 - 1)  # of sRGB at the exposure
    expected = np.sqrt(0.02**2 * 0.2 + 0.004**2) * linear_step
    assert image.std() == pytest.approx(expected, rel=0.05)
    assert image.mean() == pytest.approx(255 * (1.055 * 0.2 ** (1 / 2.4) - 0.055), abs=0.1)


def test_bright_spots_are_not_left_to_drown():
    light = np.full((100, 100, 3), 0.01, np.float32)
    light[:, :10] = 1
    image = photograph(light, shot(), clean=True)
    assert image[:, :10].max() == 255 and image[:, 20:].max() < 100
