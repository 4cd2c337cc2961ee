"""An object that is a box, and what a network might say of it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp_det.datasets.bop import Mesh, ObjectModel
from epropnp_det.evaluation.bop import EvaluatedModel, ModelPoints, Symmetries
from epropnp_det.structures import ObjectPoseSample

LOW, HIGH = np.array([-0.04, -0.06, -0.03]), np.array([0.05, 0.06, 0.035])
CAM2IMG = np.array([[500.0, 0, 160], [0, 500, 120], [0, 0, 1]])
POSE = np.array([0.05, -0.02, 0.8, *Rotation.from_rotvec([0.3, 0.5, 0.2]).as_quat()[[3, 0, 1, 2]]])
# Of a box whose corners count z fastest.
FACES = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]


def corners() -> np.ndarray:
    bits = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    return LOW + bits * (HIGH - LOW)


@pytest.fixture(scope="session")
def box_mesh() -> Mesh:
    triangles = [t for a, b, c, d in FACES for t in ((a, b, c), (a, c, d))]
    return Mesh(corners().astype(np.float32), np.array(triangles, np.int32))


@pytest.fixture(scope="session")
def box_model(box_mesh) -> EvaluatedModel:
    """Of two halves that look alike: half a turn about z, off its axis."""
    diameter = float(np.linalg.norm(HIGH - LOW))
    half_turn = np.diag([-1.0, -1, 1])
    alike = Symmetries(np.stack([np.eye(3), half_turn]), np.array([[0.0, 0, 0], [10.0, 0, 0]]))
    surface = ObjectModel(5, diameter, LOW, HIGH - LOW, alike.scaled(1e-3), box_mesh)
    points = ModelPoints(corners() * 1e3)
    return EvaluatedModel(5, 1e3 * diameter, points, alike, True, surface)


@pytest.fixture
def pose_sample() -> Callable[..., ObjectPoseSample]:
    """A sample with maps of 8 x 8 cells and 50 pose samples around the pose."""

    def make(**changes) -> ObjectPoseSample:
        rng = np.random.default_rng(0)
        spread = rng.normal(size=(50, 3)) * 0.01
        turns = Rotation.from_rotvec(spread) * Rotation.from_quat(POSE[3:], scalar_first=True)
        poses = np.column_stack([np.tile(POSE[:3], (50, 1)), turns.as_quat(scalar_first=True)])
        metainfo = dict(
            scene_id=1,
            im_id=3,
            obj_id=5,
            label=1,
            score=0.9,
            img_path="a.png",
            cam2img=CAM2IMG,
            crop_center=np.array([190.0, 108.0]),
            crop_size=96.0,
            half_size=-LOW,
        )
        sample = ObjectPoseSample(metainfo=metainfo)
        fields = dict(
            gt_pose=torch.tensor(POSE, dtype=torch.float32),
            pred_pose=torch.tensor(POSE, dtype=torch.float32),
            pred_cov=torch.eye(6) * 1e-6,
            pred_cost=1.5,
            pred_score=0.9,
            pred_valid=True,
            pred_coords=torch.rand(3, 8, 8),
            pred_weights=torch.rand(2, 8, 8),
            pose_samples=torch.tensor(poses, dtype=torch.float32),
            pose_log_weights=torch.full((50,), -float(np.log(50))),
        )
        sample.set_data({**fields, **changes})
        return sample

    return make
