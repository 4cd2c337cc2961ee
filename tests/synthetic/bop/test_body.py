import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epropnp_det.synthetic.bop import solid
from epropnp_det.synthetic.bop.body import Body, Shape, footprint
from epropnp_det.synthetic.bop.camera import Camera
from epropnp_det.synthetic.bop.tessellate import tessellate

CAMERA = Camera.linemod((160, 120))


def shape(body, half=0.6, step=0.04):
    return Shape(body, tessellate(body, np.full(3, half), step))


BALL, BOX = shape(solid.ellipsoid((0.5, 0.5, 0.5))), shape(solid.box((1, 1, 1), 0.1))


def body(of, translation, scale=(1, 1, 1), rotation=None, number=0):
    turn = np.eye(3) if rotation is None else rotation
    colours = np.full((len(of.surface.vertices), 3), 0.5, np.float32)
    return Body(
        of, turn, np.array(translation, float), np.array(scale, float), colours, (0, 1), number
    )


def test_depth_of_a_ball_that_was_stretched_out_of_another():
    centre, radius = np.array([0.05, -0.02, 0.8]), 0.1
    turn = Rotation.random(random_state=0).as_matrix()
    seen = footprint(body(BALL, centre, [2 * radius] * 3, turn), CAMERA, CAMERA.image)
    rays = CAMERA.rays(seen.window).astype(float)
    # |d z - c| = r
    a, b, c = (rays**2).sum(-1), rays @ centre, centre @ centre - radius**2
    expected = (b - np.sqrt(np.maximum(b**2 - a * c, 0))) / a
    inner = b**2 - a * c > 0.02 * radius**2
    assert seen.mask[inner].all() and inner.sum() > 200
    np.testing.assert_allclose(seen.depth[inner], expected[inner], atol=1.5e-3)
    assert not seen.mask[b**2 - a * c < 0].any()


def test_stretched_and_turned_box_is_where_its_points_are():
    turn = Rotation.random(random_state=1).as_matrix()
    box = body(BOX, (0.02, 0.01, 0.7), (0.2, 0.1, 0.05), turn)
    seen = footprint(box, CAMERA, CAMERA.image)
    points = (CAMERA.rays(seen.window) * np.where(seen.mask, seen.depth, 0)[..., None])[seen.mask]
    assert np.abs(BOX.solid(box.own(points))).max() < 0.01
    np.testing.assert_allclose(box.placed(box.own(points)), points, atol=1e-9)
    # By the triangles' corners, the same points.
    later = seen.weights[seen.mask]
    weights = np.column_stack([1 - later.sum(1), later])
    corners = BOX.surface.vertices[BOX.surface.faces[seen.triangle[seen.mask]]]
    again = box.placed((weights[..., None] * corners).sum(1))
    np.testing.assert_allclose(again, points, atol=1e-5)


def test_all_of_a_body_beyond_the_border_is_seen_on_the_canvas():
    centre, radius = np.array([-0.45, 0.05, 0.8]), 0.1
    ball = body(BALL, centre, [2 * radius] * 3)
    seen = footprint(ball, CAMERA, CAMERA.canvas)
    assert seen.window.left < 0 < seen.window.right
    rays = CAMERA.rays(CAMERA.canvas).astype(float)
    meets = (rays @ centre) ** 2 - (rays**2).sum(-1) * (centre @ centre - radius**2) > 0
    assert meets[:, : CAMERA.width].any() and meets[:, CAMERA.width :].any()
    assert seen.mask.sum() == pytest.approx(meets.sum(), rel=0.02)
    # The part of it that is in the image.
    cut = footprint(ball, CAMERA, CAMERA.image)
    assert cut.window.left == 0 and 0 < cut.mask.sum() < seen.mask.sum()
    beyond = footprint(body(BALL, (-1, 0, 0.8), [0.2] * 3), CAMERA, CAMERA.image)
    assert beyond.window.shape[1] == 0 and beyond.mask.sum() == 0


def test_overlap():
    boxes = [body(BOX, (x, 0, 1), (0.2, 0.1, 0.1)) for x in (0, 0.19, 0.21, 0.5)]
    assert [boxes[0].overlaps(other) for other in boxes[1:]] == [True, False, False]
    # One lies wholly inside.
    inner = body(BOX, (0.02, 0, 1), (0.05, 0.02, 0.02))
    assert inner.overlaps(boxes[0]) and boxes[0].overlaps(inner)


def test_hides():
    ball = body(BALL, (0, 0, 1), [0.2] * 3)
    starts = np.array([[0, 0, 0], [0.09, 0, 0], [0.12, 0, 0], [0, 0, 2]])
    hidden = ball.hides(starts, np.array([0, 0, 1.0]))
    assert hidden.tolist() == [True, True, False, False]
    assert ball.hides(starts[:0], np.array([0, 0, 1.0])).shape == (0,)
