"""Whole pictures of one image, and the drawings on them."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from epropnp_det.visualization import (
    BoxSet,
    Correspondences,
    PoseSamples,
    center_heat,
    correspondence_page,
    depth_page,
    detection_page,
    draw_correspondences,
    draw_depth_map,
    draw_yaw_density,
    heat_page,
    pixels_of,
)
from epropnp_det.visualization.pages import POLAR_PLOTS

CAM2IMG = np.array([[300.0, 0, 200], [0, 300, 100], [0, 0, 1]])
IMAGE = np.full((224, 400, 3), 128, np.uint8)
BOX = [0.0, 0.0, 12.0, 4.0, 2.0, 2.0, 0.5]


def boxes(count: int) -> BoxSet:
    return BoxSet.from_camera([BOX] * count, ["car"] * count, np.full(count, 0.5))


def samples(count: int) -> PoseSamples:
    poses = np.array([0.0, 0, 12, 0.5]) + 0.1 * np.random.randn(count, 50, 4)
    return PoseSamples.from_poses(poses, np.zeros((count, 50)))


def correspondences(num_heads: int = 4) -> Correspondences:
    x2d = np.random.uniform(50, 150, (2, 8, 2))
    x3d = np.random.uniform(-0.5, 0.5, (2, 8, 3)) * [4, 2, 2]
    return Correspondences(x3d, x2d, np.ones((2, 8, 2)), np.full((2, 3), [4, 2, 2]), num_heads)


@pytest.mark.parametrize("count", [0, 1, POLAR_PLOTS + 3])
def test_detection_page_shows_the_orientations_of_the_best(count):
    page = detection_page(IMAGE, CAM2IMG, boxes(count), boxes(count), samples(count))
    polar = [ax for ax in page.axes if ax.name == "polar"]
    assert len(polar) == min(count, POLAR_PLOTS)
    assert pixels_of(page).shape[1] == 1600
    texts = {text.get_text() for text in page.axes[1].texts}
    assert {f" {i + 1}" for i in range(len(polar))} <= texts  # as they are numbered from above


def test_detection_page_of_an_image_alone():
    page = detection_page(IMAGE, CAM2IMG)
    assert len(page.axes) == 2
    assert (np.abs(pixels_of(page).astype(int) - 128).max(-1) < 3).mean() > 0.3


def test_densities_lie_where_the_samples_are():
    page = detection_page(IMAGE, CAM2IMG, boxes(1), samples=samples(1))
    (contours,) = [c for c in page.axes[1].collections if hasattr(c, "levels")]
    ends = np.concatenate([path.vertices for path in contours.get_paths() if len(path.vertices)])
    # To the right and ahead, within some deviations of 0.1 m.
    np.testing.assert_allclose(ends.mean(0), [0, 12], atol=0.15)
    assert np.abs(ends - [0, 12]).max() < 0.6


def test_polar_plot_has_the_heading_as_seen_from_above():
    ax = Figure().add_subplot(projection="polar")
    yaw = -np.pi / 2  # (cos, 0, -sin): away from the camera
    draw_yaw_density(ax, np.full(5, yaw), np.full(5, 0.2), "red", true_yaw=0.0)
    curve, truth = ax.lines
    angle, radius = curve.get_data()
    assert angle[radius.argmax()] == pytest.approx(np.pi / 2, abs=0.02)  # up
    assert np.allclose(truth.get_xdata(), 0)  # right


def test_colours_are_object_coordinates_and_areas_weights():
    points = Correspondences(
        np.array([[[2.0, -1, 0], [-2, 1, 9]]]),
        np.array([[[10.0, 20], [30, 40]]]),
        np.array([[[1.0, 3.0], [0.5, 0.5]]]),
        np.array([[4.0, 2.0, 2.0]]),
    )
    np.testing.assert_allclose(points.colours()[0], [[1, 0, 0.5], [0, 1, 1]])
    np.testing.assert_allclose(points.strengths(), [[1, 0.25]])
    ax = Figure().add_subplot()
    draw_correspondences(ax, IMAGE, points, largest=8)
    (drawn,) = ax.collections
    np.testing.assert_allclose(drawn.get_offsets(), [[10, 20], [30, 40]])
    np.testing.assert_allclose(drawn.get_sizes(), [8, 2])
    np.testing.assert_allclose(drawn.get_facecolors()[:, :3], points.colours()[0])


def test_a_head_has_its_own_points():
    points = correspondences()
    ax = Figure().add_subplot()
    draw_correspondences(ax, IMAGE, points, head=1)
    drawn = set(map(tuple, ax.collections[0].get_offsets().data))
    assert drawn == set(map(tuple, points.x2d[:, 2:4].reshape(-1, 2)))
    assert len(correspondence_page(IMAGE, points).axes) == 1 + 4
    assert len(correspondence_page(IMAGE, correspondences(1)).axes) == 1
    with pytest.raises(ValueError, match="not those of 3 heads"):
        correspondences(3)


def test_region_holds_the_points_within_the_image():
    points = correspondences()
    left, top, right, bottom = points.region((400, 224), (1.0, 2.0))
    assert (points.x2d > [left, top]).all() and (points.x2d < [right, bottom]).all()
    assert left >= 0 and top >= 0 and right <= 400 and bottom <= 224
    outside = Correspondences(points.x3d, points.x2d - 500, points.w2d, points.dims)
    np.testing.assert_array_equal(outside.region((400, 224), (1.0, 2.0)), [0, 0, 400, 224])
    nothing = Correspondences(*(np.zeros((0, *x)) for x in ((8, 3), (8, 2), (8, 2), (3,))))
    assert pixels_of(correspondence_page(IMAGE, nothing)).shape[1] == 1600


def test_heat_is_the_score_at_the_point_and_falls_with_the_stride():
    centers = np.array([[10.0, 30.0], [202.0, 102.0], [-500.0, 50.0], [100.0, 100.0]])
    heat = center_heat(centers, np.array([0.5, 0.8, 1, 0.001]), np.array([8, 16, 8, 8]), (400, 224))
    assert heat.shape == (56, 100)
    assert heat[7, 2] == pytest.approx(0.5) and heat[25, 50] == pytest.approx(0.8)
    assert heat[25, 54] == pytest.approx(0.8 * np.exp(-0.5))
    assert heat[25, 25] == 0  # a score below what leaves a trace
    assert pixels_of(heat_page(IMAGE, heat)).shape[1] == 1600


def test_depth_is_drawn_over_the_image_with_lidar_beside():
    ax = Figure().add_subplot()
    depth = np.full((28, 50), 20.0)
    draw_depth_map(ax, depth, (400, 224))
    assert ax.images[0].get_extent() == [0, 400, 224, 0]
    points = np.array([[0.0, 0, 10]])
    page = depth_page(IMAGE, depth, points, CAM2IMG)
    np.testing.assert_allclose(page.axes[0].collections[0].get_offsets(), [[200, 100]])
    assert pixels_of(depth_page(IMAGE, depth)).shape[1] == 1600
