import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from epropnp_det.visualization import draw_boxes_on_image
from epropnp_det.visualization.style import GROUND_TRUTH, PALETTE

CAM2IMG = np.array([[300.0, 0, 200], [0, 300, 100], [0, 0, 1]])
IMAGE = np.full((200, 400, 3), 128, np.uint8)
BOX = np.array([[0.0, 0.0, 12.0, 4.0, 2.0, 2.0, 0.5]])


def picture(**boxes):
    """Pixels (200, 400, 3) of the image with boxes, one for one."""
    figure = Figure(figsize=(4, 2), dpi=100)
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.axis("off")
    draw_boxes_on_image(ax, IMAGE, CAM2IMG, **boxes)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int), ax


def near_colour(pixels, colour):
    return np.abs(pixels - 255 * np.array(to_rgb(colour))).max(-1) < 60


def test_prediction_has_its_class_colour_where_the_box_projects(camera_boxes):
    boxes = camera_boxes(BOX, ["car"], np.array([0.87]))
    pixels, ax = picture(predictions=boxes)
    v, u = np.nonzero(near_colour(pixels, PALETTE["car"]))
    projected = boxes.corners[0] @ CAM2IMG.T
    projected = projected[:, :2] / projected[:, 2:]
    assert [u.min(), u.max()] == pytest.approx([*projected[:, 0][[*extremes(projected, 0)]]], abs=3)
    assert v.max() == pytest.approx(projected[:, 1].max(), abs=3)
    assert [text.get_text() for text in ax.texts] == ["0.87"]


def extremes(points, axis):
    return points[:, axis].argmin(), points[:, axis].argmax()


def test_ground_truth_differs_from_predictions_and_carries_no_score(camera_boxes):
    pixels, ax = picture(ground_truth=camera_boxes(BOX, ["car"]))
    assert near_colour(pixels, GROUND_TRUTH).any()
    assert not near_colour(pixels, PALETTE["car"]).any() and not ax.texts


@pytest.mark.parametrize(
    "boxes", [BOX[:0], BOX * [1, 1, -1, 1, 1, 1, 1], BOX + [40, 0, 0, 0, 0, 0, 0]]
)
def test_nothing_is_drawn_for_what_the_camera_does_not_see(boxes, camera_boxes):
    plain, _ = picture()
    pixels, _ = picture(
        predictions=camera_boxes(boxes, ["car"] * len(boxes), np.ones(len(boxes))),
        ground_truth=camera_boxes(boxes, ["car"] * len(boxes)),
    )
    np.testing.assert_array_equal(pixels, plain)


def test_box_around_the_camera_keeps_the_images_limits(camera_boxes):
    boxes = camera_boxes(BOX * [1, 1, 0, 1, 1, 1, 1], ["truck"], np.ones(1))
    pixels, ax = picture(predictions=boxes)
    assert ax.get_xlim() == (0, 400) and ax.get_ylim() == (200, 0)
    assert pixels.shape == IMAGE.shape


def test_no_label_covers_another_and_the_nearest_keeps_its_own(camera_boxes):
    rows = np.array([[0.0, 0, 12, 4, 2, 2, 0], [0.1, 0, 13, 4, 2, 2, 0], [5.0, 0, 12, 2, 2, 2, 0]])
    boxes = camera_boxes(rows, ["car"] * 3, np.array([0.5, 0.6, 0.7]))
    _, ax = picture(predictions=boxes)
    assert sorted(text.get_text() for text in ax.texts) == ["0.50", "0.70"]
    _, ax = picture(predictions=boxes, labels=["", "b", "c"])
    assert sorted(text.get_text() for text in ax.texts) == ["b", "c"]
