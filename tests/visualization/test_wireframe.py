import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from epropnp_det.visualization.wireframe import EDGES, FACES, NEAR, wire_frame

CAM2IMG = np.array([[500.0, 0, 400], [0, 500, 225], [0, 0, 1]])


@pytest.fixture(scope="module")
def corners(camera_boxes):
    def make(x, y, z, yaw=0.0, size=(4.0, 1.5, 2.0)):
        return camera_boxes([[x, y, z, *size, yaw]], ["car"]).corners[0]

    return make


def test_every_edge_joins_two_faces():
    assert len(EDGES) == 12
    for edge in EDGES:
        assert sum(set(edge) <= set(face) for face in FACES) == 2


@pytest.mark.parametrize(
    "box, visible",
    [
        ((0, 0, 20, 0.0), 4),  # one face seen
        ((0, 0, 20, 0.5), 7),  # two
        ((0, 6, 20, 0.5), 9),  # three
    ],
)
def test_far_edges_are_hidden(corners, box, visible):
    frame = wire_frame(corners(*box), CAM2IMG)
    assert len(frame.visible) == visible and len(frame.hidden) == 12 - visible


def test_from_inside_every_edge_is_on_the_far_side(corners):
    frame = wire_frame(corners(0, 0, 0, size=(2.0, 2.0, 2.0)), CAM2IMG)
    assert len(frame.visible) == 0 and len(frame.hidden) == 8  # the four behind are cut away


def test_points_are_projections_of_corners(corners):
    box = corners(1, 0.5, 15, 0.3)
    projected = box @ CAM2IMG.T
    projected = projected[:, :2] / projected[:, 2:]
    frame = wire_frame(box, CAM2IMG)
    np.testing.assert_allclose(
        sorted(map(tuple, frame.points.round(6))),
        sorted(map(tuple, np.repeat(projected, 3, axis=0).round(6))),
    )
    np.testing.assert_allclose(sorted(map(tuple, frame.front)), sorted(map(tuple, projected[:4])))


def test_heading_ends_on_the_front_edge(corners):
    box = corners(0, 1, 15, 0.4)
    middle = box[[2, 3]].mean(0) @ CAM2IMG.T
    np.testing.assert_allclose(
        wire_frame(box, CAM2IMG).heading[1], middle[:2] / middle[2], atol=1e-9
    )


def test_behind_the_camera_is_nothing(corners):
    frame = wire_frame(corners(0, 0, -5, 0.3), CAM2IMG)
    assert len(frame.points) == len(frame.front) == len(frame.heading) == 0


@settings(max_examples=60, deadline=None)
@given(st.floats(-3, 3), st.floats(-2.4, 2.4), st.floats(-np.pi, np.pi))
def test_box_across_the_near_plane_is_cut_there(corners, x, z, yaw):
    box = corners(x, 0.5, z, yaw)
    frame = wire_frame(box, CAM2IMG)
    assert np.isfinite(frame.points).all()
    crossing = sum((box[a, 2] >= NEAR) != (box[b, 2] >= NEAR) for a, b in EDGES)
    whole = sum(min(box[a, 2], box[b, 2]) >= NEAR for a, b in EDGES)
    assert len(frame.visible) + len(frame.hidden) == crossing + whole
    # A cut edge keeps its direction: all points lie on the image lines of the uncut edges.
    lines = np.array([np.cross(CAM2IMG @ box[a], CAM2IMG @ box[b]) for a, b in EDGES])
    lines /= np.linalg.norm(lines[:, :2], axis=1, keepdims=True) + 1e-12
    points = np.column_stack([frame.points, np.ones(len(frame.points))])
    distance = np.abs(points @ lines.T).min(1)
    assert (distance <= 1e-6 * (1 + np.abs(frame.points).max(1))).all()


@settings(max_examples=100, deadline=None)
@given(st.floats(-6, 6), st.floats(-3, 3), st.floats(6, 30), st.floats(-np.pi, np.pi))
def test_hidden_edges_are_those_that_the_box_itself_covers(corners, x, y, z, yaw):
    """Independently: the line of sight to a covered edge runs through the inside of the box."""
    box = corners(x, y, z, yaw)
    axes = np.stack([box[0] - box[4], box[1] - box[0], box[3] - box[0]]) / 2
    inverse, center = np.linalg.inv(axes.T), box.mean(0)

    def covered(edge):
        middle = box[list(edge)].mean(0)
        sight = np.linspace(0, 1, 4001)[:-1, None] * middle
        return (np.abs((sight - center) @ inverse.T) < 1 - 1e-9).all(1).any()

    faces = [np.cross(f[1] - f[0], f[2] - f[1]) for f in (box[list(face)] for face in FACES)]
    seen_edge_on = [
        abs(n @ box[f[0]]) / np.linalg.norm(n) for n, f in zip(faces, FACES, strict=True)
    ]
    assume(min(seen_edge_on) > 0.05)
    frame = wire_frame(box, CAM2IMG)
    projected = (box @ CAM2IMG.T)[:, :2] / box[:, 2:]
    expected = {tuple(sorted(map(tuple, projected[list(e)].round(5)))) for e in EDGES if covered(e)}
    found = {tuple(sorted(map(tuple, segment.round(5)))) for segment in frame.hidden}
    assert found == expected
