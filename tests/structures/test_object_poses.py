"""Poses of the objects of an image."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp_det.pnp.pose import QuaternionPose, rotation_matrix
from epropnp_det.structures import ObjectPoses, ObjectPoseSample


def sample(valid: bool = True, drawn: int = 4) -> ObjectPoseSample:
    made = ObjectPoseSample(metainfo=dict(obj_id=5))
    half = math.sqrt(0.5)
    made.pred_pose = torch.tensor([0.1, 0.2, 0.9, half, 0, 0, half])
    made.pred_cov = torch.diag(torch.arange(1.0, 7) ** 2 * 1e-6)
    made.pred_cost, made.pred_valid = 2.5, valid
    if drawn:
        made.pose_samples = torch.rand(drawn, 7)
        made.pose_log_weights = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    return made


def test_fields():
    poses = ObjectPoses.from_samples([sample(), sample(valid=False)])
    assert len(poses) == 2 and poses.valid.tolist() == [True, False]
    np.testing.assert_allclose(poses.translation, [[0.1, 0.2, 0.9]] * 2, rtol=1e-6)
    quarter = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]  # about the optical axis
    np.testing.assert_allclose(poses.rotation[0], quarter, atol=1e-6)
    np.testing.assert_allclose(poses.weights, [[0.1, 0.2, 0.3, 0.4], [0] * 4], rtol=1e-6)
    assert poses.cost.tolist() == [2.5, 2.5] and poses.obj_id.tolist() == [5, 5]


def test_deviations_are_metres_and_radians_of_what_the_solver_steps_by():
    """A step d of the solver turns by twice d about the camera's axes."""
    poses = ObjectPoses.from_samples([sample()])
    np.testing.assert_allclose(poses.deviation[0], [1e-3, 2e-3, 3e-3, 8e-3, 1e-2, 1.2e-2])
    before = sample().pred_pose.double()[None]
    for axis in range(3):
        step = torch.zeros(1, 6, dtype=torch.float64)
        step[0, 3 + axis] = 1e-4
        after = QuaternionPose.retract(before, step)
        turn = rotation_matrix(after)[0] @ rotation_matrix(before)[0].mT
        vector = Rotation.from_matrix(turn.numpy()).as_rotvec()
        expected = np.zeros(3)
        expected[axis] = 2e-4
        np.testing.assert_allclose(np.abs(vector), expected, atol=1e-7)


@pytest.mark.parametrize("count", [0, 1])
def test_without_samples(count):
    poses = ObjectPoses.from_samples([sample(drawn=0)] * count)
    assert poses.samples.shape == (count, 0, 7) and poses.weights.shape == (count, 0)
    assert poses.rotation.shape == (count, 3, 3) and poses.deviation.shape == (count, 6)


def test_part_of_them():
    poses = ObjectPoses.from_samples([sample(), sample(valid=False), sample()])
    assert len(poses[poses.valid]) == 2 and len(poses[:0]) == 0
