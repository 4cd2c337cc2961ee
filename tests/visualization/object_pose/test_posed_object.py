"""What the pictures take of a sample."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp_det.visualization import PosedObject


def test_maps_are_in_metres_at_the_pixels_of_their_cells(pose_sample):
    sample = pose_sample()
    shown = PosedObject.from_sample(sample, "duck")
    expected = sample.pred_coords[:, 2, 5].numpy() * sample.half_size
    np.testing.assert_allclose(shown.maps.coords[2, 5], expected, rtol=1e-6)
    assert shown.maps.weights[2, 5, 1] == pytest.approx(sample.pred_weights[1, 2, 5].item())
    np.testing.assert_allclose(shown.maps.pixels[2, 5], [190 - 48 + 5 * 12, 108 - 48 + 2 * 12])
    np.testing.assert_allclose(shown.window, [142, 60, 238, 156])
    # The crop covers the cells less half a cell, by which they stand for their corners.
    np.testing.assert_allclose(shown.maps.extent, [136.5, 232.5, 150.5, 54.5])


def test_colours_run_from_end_to_end_of_the_model(pose_sample, box_model):
    sample = pose_sample()
    low, size = box_model.surface.minima, box_model.surface.size
    sample.pred_coords[:, 0, 0] = torch.tensor((low + [0, 0.5, 1] * size) / sample.half_size)
    maps = PosedObject.from_sample(sample, "duck", box_model).maps
    np.testing.assert_allclose(maps.colours(box_model)[0, 0], [0, 0.5, 1], atol=1e-6)
    free = maps.colours()[maps.matters()]
    np.testing.assert_allclose([free.min(0), free.max(0)], [[0] * 3, [1] * 3])


def test_what_is_left_out(pose_sample):
    for changes, switches in (
        ({}, dict(draw_pred=False)),
        ({}, dict(score_thr=0.95)),
        (dict(pred_valid=False), {}),
    ):
        shown = PosedObject.from_sample(pose_sample(**changes), "duck", **switches)
        assert shown.estimate is None and shown.maps is None and shown.error() is None
        assert len(shown.drawn_rotations()[1]) == 0
    shown = PosedObject.from_sample(pose_sample(), "duck", draw_gt=False)
    assert shown.true_pose is None and shown.true_rotations().shape == (0, 3, 3)
    bare = pose_sample()
    for name in ("gt_pose", "pred_coords", "pred_weights", "pose_samples", "pose_log_weights"):
        del bare[name]
    shown = PosedObject.from_sample(bare, "duck")
    assert shown.maps is None and shown.error() is None and shown.estimate.valid.all()


def test_error_is_that_of_the_nearest_pose_that_looks_alike(pose_sample, box_model):
    """Half a turn about an axis 5 mm off the origin, then 1 degree and 3 mm more."""
    true = Rotation.from_quat(np.array(pose_sample().gt_pose[3:]), scalar_first=True)
    alike = true * Rotation.from_rotvec([0, 0, np.pi])
    small = np.radians([0.6, 0, 0.8])
    turned = Rotation.from_rotvec(small) * alike
    place = pose_sample().gt_pose[:3].numpy() + true.apply([0.01, 0, 0]) + [0, 0.003, 0]
    pose = torch.tensor([*place, *turned.as_quat(scalar_first=True)])
    sample = pose_sample(pred_pose=pose)
    error = PosedObject.from_sample(sample, "duck", box_model).error()
    np.testing.assert_allclose(error.turn, small, atol=1e-6)
    np.testing.assert_allclose(error.shift, [0, 0.003, 0], atol=1e-6)
    without = PosedObject.from_sample(sample, "duck").error()
    assert np.degrees(np.linalg.norm(without.turn)) > 170
