import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from epropnp_det.synthetic.bop.annotate import bounding_box, camera_record, depth_image, targets
from epropnp_det.synthetic.bop.camera import Camera
from epropnp_det.synthetic.bop.models import object_models
from epropnp_det.synthetic.bop.render import Picture


def projected(one):
    """Pixel coordinates of the model's vertices, (V, 2), from what the files say."""
    vertices = 1000 * object_models()[one["obj_id"] - 1].surface.vertices
    points = (vertices @ one["rotation"].T + one["translation"]) @ one["matrix"].T
    return points[:, :2] / points[:, 2:]


def own_points(one, mask):
    """Points of the depth image in the model's frame, metres."""
    rows, columns = np.nonzero(mask)
    pixels = np.stack([columns, rows, np.ones_like(rows)], -1)
    points = one["depth"][mask][:, None] * (pixels @ np.linalg.inv(one["matrix"]).T)
    return (points - one["translation"]) @ one["rotation"] / 1000


def test_there_are_enough_instances_hidden_and_seen(instances):
    shares = [one["info"]["visib_fract"] for one in instances]
    assert len(shares) >= 10 and min(shares) < 0.9 and max(shares) == 1


def test_model_points_fall_into_the_mask_and_fill_it(instances):
    for one in instances:
        height, width = one["mask"].shape
        pixels = np.round(projected(one)).astype(int)
        inside = ((pixels >= 0) & (pixels < (width, height))).all(1)
        hit = np.zeros(one["mask"].shape, bool)
        hit[tuple(pixels[inside].T[::-1])] = True
        mask = one["mask"] > 0
        assert not (hit & ~binary_dilation(mask, np.ones((3, 3)))).any()
        assert not (mask & ~binary_dilation(hit, np.ones((3, 3)), iterations=2)).any()


def test_depth_is_on_the_surface_where_an_object_is_seen_and_before_it_where_not(instances):
    for one in instances:
        solid = object_models()[one["obj_id"] - 1].solid
        seen, mask = one["visible"] > 0, one["mask"] > 0
        assert (mask | ~seen).all()
        if seen.any():
            assert np.abs(solid(own_points(one, seen))).max() < 5e-4
        hidden = mask & ~seen
        if hidden.any():
            assert solid(own_points(one, hidden)).min() > -5e-4


def test_rotations_are_rotations_and_objects_are_ahead(instances):
    for one in instances:
        np.testing.assert_allclose(one["rotation"] @ one["rotation"].T, np.eye(3), atol=1e-9)
        assert np.linalg.det(one["rotation"]) > 0
        assert 500 <= one["translation"][2] <= 1200


def test_numbers_of_pixels_and_boxes(instances):
    for one in instances:
        info, mask, seen = one["info"], one["mask"] > 0, one["visible"] > 0
        assert info["px_count_visib"] == seen.sum()
        assert info["px_count_valid"] == (mask & (one["depth"] > 0)).sum()
        assert info["px_count_all"] >= mask.sum()
        assert info["visib_fract"] == pytest.approx(seen.sum() / info["px_count_all"])
        if not seen.any():
            assert info["bbox_obj"] == info["bbox_visib"] == [-1] * 4
            continue
        rows, columns = np.nonzero(seen)
        box = [columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)]
        assert info["bbox_visib"] == box
        x, y, width, height = info["bbox_obj"]
        # Of all of the model, with what the border cuts off.
        low, high = projected(one).min(0), projected(one).max(0)
        assert np.abs(np.array([x, y]) - low).max() <= 1.5
        assert np.abs(np.array([x + width, y + height]) - high).max() <= 1.5


def test_bounding_box_runs_from_the_first_pixel_to_the_last():
    mask = np.zeros((9, 9), bool)
    mask[2:5, 3] = mask[4, 7] = True
    assert bounding_box(mask, (0, 0)) == [3, 2, 4, 2]
    assert bounding_box(mask, (-5, 10)) == [-2, 12, 4, 2]


def test_depth_beyond_the_range_is_unknown():
    depth = np.array([[0.5, 6.5535, 6.554, 1e6]])
    picture = Picture(np.zeros((1, 4, 3)), depth, np.zeros((1, 4), int), ())
    assert depth_image(picture).tolist() == [[5000, 65535, 0, 0]]
    assert camera_record(Camera.linemod((640, 480)))["depth_scale"] == 0.1


def test_targets_are_those_that_are_seen():
    truth = {"0": [{"obj_id": 2}, {"obj_id": 5}], "3": [{"obj_id": 1}]}
    info = {"0": [{"visib_fract": 0.1}, {"visib_fract": 0.099}], "3": [{"visib_fract": 1.0}]}
    assert targets(4, truth, info) == [
        {"im_id": 0, "inst_count": 1, "obj_id": 2, "scene_id": 4},
        {"im_id": 3, "inst_count": 1, "obj_id": 1, "scene_id": 4},
    ]
