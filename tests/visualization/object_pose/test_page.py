"""The picture of the poses of an image."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from epropnp_det.visualization import PosedObject, object_pose_page, pixels_of
from epropnp_det.visualization.object_pose import draw_outline
from epropnp_det.visualization.object_pose.page import MAX_EXPLAINED, pose_lines
from epropnp_det.visualization.style import GROUND_TRUTH, colour_of_number

IMAGE = np.full((240, 320, 3), 128, np.uint8)


@pytest.fixture
def shown(pose_sample, box_model) -> PosedObject:
    return PosedObject.from_sample(pose_sample(), "duck", box_model)


def test_a_row_for_each_of_the_first_objects(shown):
    for count in (0, 1, 3, MAX_EXPLAINED + 2):
        page = object_pose_page(IMAGE, [shown] * count)
        rows = min(count, MAX_EXPLAINED)
        assert len(page.axes) == 1 + 6 * rows + bool(rows)
        for ax in page.axes:
            left, bottom, right, top = ax.get_position().extents
            assert 0 <= left < right <= 1 and 0 <= bottom < top <= 1
    assert pixels_of(object_pose_page(IMAGE, [shown])).shape[1] == 1600


def test_panels_do_not_overlap(shown):
    places = [ax.get_position().extents for ax in object_pose_page(IMAGE, [shown] * 3).axes]
    for i, one in enumerate(places):
        for other in places[i + 1 :]:
            shared = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
            assert (shared <= 0).any()


@pytest.mark.parametrize("shape", [(480, 200), (120, 900)])
def test_images_of_other_proportions(shown, shape):
    page = object_pose_page(np.zeros((*shape, 3), np.uint8), [shown])
    width, height = page.axes[0].get_position().size * page.get_size_inches()
    assert width / height == pytest.approx(shape[1] / shape[0], rel=1e-6)


def test_outline_lies_over_the_object(shown):
    """The border of the drawn line, around the projected corners of the box."""
    ax = object_pose_page(IMAGE, []).axes[0]
    draw_outline(ax, shown, np.array([-0.5, -0.5, 319.5, 239.5]), colour_of_number(0))
    (border,) = ax.collections[0].get_segments()
    rotated = shown.model.surface.corners() @ shown.estimate.rotation[0].T
    points = (rotated + shown.estimate.translation[0]) @ shown.cam2img.T
    pixels = points[:, :2] / points[:, 2:] + 0.5  # pixel (0, 0) covers [0, 1) of the axes
    np.testing.assert_allclose(border.min(0), pixels.min(0), atol=0.3)
    np.testing.assert_allclose(border.max(0), pixels.max(0), atol=0.3)


def test_truth_is_green_and_estimates_have_the_colours_of_their_numbers(shown):
    def colours(page) -> set[str]:
        return {to_hex(c.get_color()[0]) for c in page.axes[0].collections}

    page = object_pose_page(IMAGE, [shown, shown])
    assert colours(page) == {GROUND_TRUTH, colour_of_number(0), colour_of_number(1)}
    alone = object_pose_page(IMAGE, [PosedObject(**{**vars(shown), "true_pose": None})])
    assert colours(alone) == {colour_of_number(0)}
    said = [[text.get_text() for text in each.legends[0].texts] for each in (page, alone)]
    assert len(said[0]) == 2 and said[1] == said[0][:1]


def test_numbers_are_in_millimetres_and_degrees(shown, pose_sample):
    heading, place, turn, off = pose_lines(0, shown)
    assert heading == "1  duck"
    assert place == " at 50.0, -20.0, 800.0 mm ± 1.0, 1.0, 1.0 mm"
    assert turn == " about x, y, z ± 0.1, 0.1, 0.1°"  # 2 mrad
    assert off == " off the truth by 0.0 mm and 0.0°"
    lost = PosedObject.from_sample(pose_sample(pred_valid=False), "7")
    assert pose_lines(2, lost) == ["3  object 7", " no pose"]


def test_what_is_not_known_stays_empty(pose_sample):
    bare = pose_sample(pred_valid=False)
    del bare.gt_pose
    lost = PosedObject.from_sample(bare, "duck")
    page = object_pose_page(IMAGE, [lost])
    assert not page.axes[0].collections and not page.axes[1].collections
    assert pixels_of(page).any()
    # Without a model and maps there are the axes of the pose.
    plain = PosedObject(
        **{**vars(lost), "estimate": PosedObject.from_sample(pose_sample(), "").estimate}
    )
    assert len(object_pose_page(IMAGE, [plain]).axes[1].collections) == 1
