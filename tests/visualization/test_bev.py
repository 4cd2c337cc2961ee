import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from epropnp_det.visualization import BoxSet, FieldOfView, draw_bev
from epropnp_det.visualization.style import PALETTE

# 20 m ahead and 5 m to the left of the ego car, facing left.
CAR = Box([20, 5, 1], [2, 4, 1.5], Quaternion(axis=[0, 0, 1], angle=np.pi / 2))


def polygons(ax):
    return [patch for patch in ax.patches if isinstance(patch, Polygon)]


def test_forward_is_up_and_left_is_left():
    ax = Figure().add_subplot()
    draw_bev(ax, predictions=BoxSet.from_devkit([CAR], ["car"], np.ones(1)))
    outline = polygons(ax)[-1]
    assert to_hex(outline.get_edgecolor()) == PALETTE["car"]
    corners = outline.get_xy()
    np.testing.assert_allclose([corners[:, 0].min(), corners[:, 0].max()], [-7, -3])
    np.testing.assert_allclose([corners[:, 1].min(), corners[:, 1].max()], [19, 21])
    tick = ax.lines[-1].get_xydata()
    np.testing.assert_allclose(tick, [[-5, 20], [-7, 20]], atol=1e-9)


def test_truth_and_predictions_and_views_are_all_there():
    ax = Figure().add_subplot()
    boxes = BoxSet.from_devkit([CAR, CAR], ["car", "bus"])
    view = FieldOfView(np.eye(4), np.array([[100.0, 0, 100], [0, 100, 50], [0, 0, 1]]), 200)
    draw_bev(ax, boxes, boxes, [view])
    assert len(polygons(ax)) == 1 + 1 + 2 + 2  # view, ego car, truth, predictions


def test_field_of_view():
    # The front camera: its z is the car's x, its x the car's right.
    pose = np.eye(4)
    pose[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    pose[:3, 3] = 1.5, 0, 1.6
    view = FieldOfView(pose, np.array([[100.0, 0, 100], [0, 100, 50], [0, 0, 1]]), 200)
    side = 10 / np.sqrt(2)
    np.testing.assert_allclose(view.wedge(10), [[1.5, 0], [1.5 + side, side], [1.5 + side, -side]])
