"""Poses of both types through one representation, scipy's rotations."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor


def rotation_of(pose: Tensor) -> Rotation:
    """Rotations of poses (B, 4) or (B, 7)."""
    rotation = pose[:, 3:].double().cpu().numpy()
    if rotation.shape[1] == 1:
        return Rotation.from_euler("y", rotation)
    return Rotation.from_quat(rotation, scalar_first=True)


def pose_of(translation: np.ndarray, rotation: Rotation, dof: int) -> Tensor:
    """Poses (B, 4) or (B, 7) in float64 from translations (B, 3) in metres and B rotations.

    In 4 DoF a rotation is replaced by the nearest one about the Y axis (in the Frobenius norm).
    """
    if dof == 4:
        r = rotation.as_matrix()
        part = np.arctan2(r[:, 0, 2] - r[:, 2, 0], r[:, 0, 0] + r[:, 2, 2])[:, None]
    else:
        part = rotation.as_quat(scalar_first=True)
    return torch.from_numpy(np.concatenate((translation, part), axis=1))


def pose_errors(pose: Tensor, true_pose: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Errors of poses (B, P): of translation in metres and of rotation in degrees, (B,) each.

    Infinite where a pose is not finite.
    """
    found = pose.isfinite().all(-1).cpu().numpy()
    translation, rotation = np.full((2, len(pose)), np.inf)
    pose, true_pose = pose.cpu()[found], true_pose.cpu()[found]
    offset = pose[:, :3] - true_pose[:, :3]
    translation[found] = offset.norm(dim=-1)
    angle = (rotation_of(pose) * rotation_of(true_pose).inv()).magnitude()
    rotation[found] = np.degrees(angle)
    return translation, rotation


def perturbed(
    pose: Tensor, rng: np.random.Generator, relative_shift: float, max_degrees: float
) -> Tensor:
    """Poses near the given ones, as a tracker or a learned detector would provide.

    Args:
        pose: (B, P).
        rng: source of random numbers.
        relative_shift: length of the shift, in a uniform direction, by the depth.
        max_degrees: the rotation moves by an angle that is uniform up to this one; about the Y
            axis in 4 DoF, about a uniform axis in 6 DoF.
    """
    direction = rng.standard_normal((len(pose), 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    translation = pose[:, :3].double().cpu().numpy()
    translation = translation + relative_shift * translation[:, 2:] * direction

    dof = 4 if pose.shape[1] == 4 else 6
    axis = rng.standard_normal((len(pose), 3)) if dof == 6 else np.array([[0.0, 1.0, 0.0]])
    axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.radians(rng.uniform(-max_degrees, max_degrees, (len(pose), 1)))
    return pose_of(translation, Rotation.from_rotvec(angle * axis) * rotation_of(pose), dof).to(
        pose
    )
