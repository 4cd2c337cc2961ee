"""Poses of known objects in an image, with all that a network tells of their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .object_pose_sample import ObjectPoseSample


@dataclass(frozen=True, eq=False)
class ObjectPoses:
    """Poses of N objects, which take the models' frames to the camera's (right, down, forward).

    Of an object whose crop determines no pose, ``valid`` is False; its numbers are finite or NaN,
    and mean nothing.

    Attributes:
        obj_id: (N,) numbers of the objects.
        pose: (N, 7) [x, y, z, w, i, j, k], metres and a unit quaternion.
        covariance: (N, 6, 6) at the pose, as that of :class:`~epropnp_det.pnp.Posterior`: x, y and
            z of the camera's frame in metres, then the steps d about its axes, which turn by 2 d
            radians.
        cost: (N,) negative log-likelihood of the pose.
        valid: (N,) bool.
        samples: (N, K, 7) poses drawn from the posterior; K is 0 where none were asked for.
        weights: (N, K) of the samples, which add up to 1, or all zero where not valid.

    Example:
        >>> pose, covariance = np.array([[0, 0, 1.0, 1, 0, 0, 0]]), np.diag([1e-6] * 6)[None]
        >>> cost, valid = np.ones(1), np.ones(1, bool)
        >>> drawn = np.zeros((1, 0, 7)), np.zeros((1, 0))
        >>> poses = ObjectPoses(np.array([5]), pose, covariance, cost, valid, *drawn)
        >>> poses.translation
        array([[0., 0., 1.]])
        >>> poses.deviation[0].tolist()
        [0.001, 0.001, 0.001, 0.002, 0.002, 0.002]
    """

    obj_id: np.ndarray
    pose: np.ndarray
    covariance: np.ndarray
    cost: np.ndarray
    valid: np.ndarray
    samples: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.obj_id)

    def __getitem__(self, index: slice | np.ndarray) -> ObjectPoses:
        """The objects of a slice, mask or index array."""
        return ObjectPoses(**{name: value[index] for name, value in vars(self).items()})

    @classmethod
    def from_samples(cls, samples: Sequence[ObjectPoseSample]) -> ObjectPoses:
        """From the predictions of N crops."""

        def gathered(name: str, *shape: int) -> np.ndarray:
            values = [np.asarray(sample.get(name), float) for sample in samples]
            return np.array(values).reshape(len(samples), *shape)

        valid = gathered("pred_valid").astype(bool)
        drawn = len(samples[0].get("pose_samples", ())) if len(samples) else 0
        poses, log_weights = np.zeros((len(samples), 0, 7)), np.zeros((len(samples), 0))
        if drawn:
            poses = gathered("pose_samples", drawn, 7)
            log_weights = gathered("pose_log_weights", drawn)
        return cls(
            gathered("obj_id").astype(int),
            gathered("pred_pose", 7),
            gathered("pred_cov", 6, 6),
            gathered("pred_cost"),
            valid,
            poses,
            np.where(valid[:, None], np.exp(log_weights), 0),
        )

    @property
    def translation(self) -> np.ndarray:
        """(N, 3) of the models' origins, metres."""
        return self.pose[:, :3]

    @property
    def quaternion(self) -> np.ndarray:
        """(N, 4) w, i, j, k."""
        return self.pose[:, 3:]

    @property
    def rotation(self) -> np.ndarray:
        """(N, 3, 3) matrices."""
        if not len(self):
            return np.zeros((0, 3, 3))
        return Rotation.from_quat(self.quaternion, scalar_first=True).as_matrix()

    @property
    def deviation(self) -> np.ndarray:
        """(N, 6) standard deviations of x, y and z in metres, and about these axes in radians."""
        steps = np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))
        return steps * [1, 1, 1, 2, 2, 2]
