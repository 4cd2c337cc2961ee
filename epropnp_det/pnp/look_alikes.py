"""Poses to look at beside the best one, so that no mode of the posterior is overlooked."""

from __future__ import annotations

import torch
from torch import Tensor

from .modes import LEAST_MASS, Modes
from .pose import YawPose, pose_type_of
from .proposals import scale_factor
from .subsets import least, take

ALIKE = 0.966
"""Cosine of the angle, 15 degrees, within which two solutions may belong to one optimum."""

APART = (1.0, 16.0)
"""Squared distances from the best mode and from the others, in units of their covariances, beyond
which the mirror image of the best one is another place."""


def mirrored(pose: Tensor, normal: Tensor) -> Tensor:
    """Poses (B, P) that show a flat object nearly as it is seen: tilted the other way.

    A flat object is mapped to itself by the reflection H_n = 1 - 2 n n^T about its plane, and its
    image hardly changes by the reflection H_v about a plane across the line of sight v. The two
    with R between them make a rotation, H_v R H_n, that of turns by pi about v and n: the second
    minimum of planar pose estimation (Schweighofer and Pinz, Robust Pose Estimation from a Planar
    Target, TPAMI 2006).

    Args:
        pose: (B, P), of objects with their origins amid their points.
        normal: n in the object's frame, (B, 3).
    """
    translation, rotation = pose[:, :3], pose[:, 3:]
    if pose_type_of(pose) is YawPose:
        sight = torch.atan2(translation[:, 0], translation[:, 2])
        of_object = torch.atan2(normal[:, 0], normal[:, 2])
        turned = 2 * (sight - of_object)[:, None] - rotation
    else:
        sight = translation / translation.norm(dim=-1, keepdim=True)
        turned = _product(_product(_pure(sight), rotation), _pure(normal))
    return torch.cat((translation, turned), dim=1)


def look_alikes(pose: Tensor, normal: Tensor) -> Tensor:
    """The mirror image of poses (B, P), and poses turned by pi about axes of the object.

    The axes are Y, of the pose and of its mirror image (4 DoF), or each of its own (6 DoF).

    Args:
        pose: (B, P), of objects with their origins amid their points.
        normal: of the points, (B, 3).

    Returns:
        (B, 3, P), or (B, 4, P).
    """
    image = mirrored(pose, normal)
    if pose_type_of(pose) is YawPose:
        both = torch.stack((pose, image), dim=1)
        turned = torch.cat((both[..., :3], both[..., 3:] + torch.pi), dim=2)
        return torch.cat((image[:, None], turned), dim=1)
    axes = torch.eye(3, dtype=pose.dtype, device=pose.device)
    turned = _product(pose[:, None, 3:], _pure(axes)[None])
    turned = torch.cat((pose[:, None, :3].expand(-1, 3, -1), turned), dim=2)
    return torch.cat((image[:, None], turned), dim=1)


def finalists(poses: Tensor, cost: Tensor, count: int) -> Tensor:
    """Which poses to refine: of each rotation the best, and then what is left.

    Several solutions of one optimum would hide the others.

    Args:
        poses: (B, S, P).
        cost: (B, S) on all points.
        count: F, how many to take.

    Returns:
        (B, min(F, S), P).
    """
    size = poses.shape[1]
    poses = take(poses, least(cost, size))
    number = torch.arange(size, device=cost.device, dtype=cost.dtype)
    used = alike = (number < 0).expand(poses.shape[0], -1)
    chosen = []
    for _ in range(min(count, size)):
        # In ascending order of the cost, those that are alike last.
        key = torch.where(used, torch.inf, number + size * alike.to(cost.dtype))
        best = key.argmin(1, keepdim=True)
        chosen.append(take(poses, best)[:, 0])
        used, alike = used | (number == best), alike | _alike(poses, chosen[-1])
    return torch.stack(chosen, dim=1)


def _alike(poses: Tensor, pose: Tensor) -> Tensor:
    """(B, S) bool: which of poses (B, S, P) are turned nearly as a pose (B, P)."""
    one, other = poses[..., 3:], pose[:, None, 3:]
    if pose_type_of(pose) is YawPose:
        cosine = (one - other).cos()[..., 0]
    else:
        cosine = 2 * (one * other).sum(-1).square() - 1
    return cosine > ALIKE


def with_mirror_image(modes: Modes, image: Tensor, log_ratio: Tensor) -> Modes:
    """One place more to sample around: the mirror image of the best mode, where no mode is.

    When the two minima of a flat object merge, one is left, and a plain around it.

    Args:
        modes: M of each object.
        image: ``mirrored`` poses of the best, (B, P).
        log_ratio: log of the posterior there by that at the best, (B,).

    Returns:
        M + 1 places, the last of them with the reflected covariance of the best.
    """
    distance = _squared_distance(modes, image)
    apart = (distance[:, 0] > APART[0]) & (distance[:, 1:] > APART[1]).all(1)
    mass = torch.where(apart, log_ratio.exp(), 0.0)
    mass = torch.where((mass > LEAST_MASS) & (mass < torch.inf), mass, 0.0)[:, None]
    found = mass > 0
    pose = torch.where(found, image, modes.pose[:, 0])
    covariance = _reflected(image, modes.covariance[:, 0])
    covariance = torch.where(found[..., None], covariance, modes.covariance[:, 0])
    mass = torch.cat((modes.mass, mass * modes.mass[:, :1]), dim=1)
    return Modes(
        torch.cat((modes.pose, pose[:, None]), dim=1),
        torch.cat((modes.covariance, covariance[:, None]), dim=1),
        mass / mass.sum(1, keepdim=True),
    )


def _squared_distance(modes: Modes, pose: Tensor) -> Tensor:
    """Of a pose (B, P) from each mode, in units of its covariance: (B, M)."""
    batch, count, size = modes.pose.shape
    each, pose = modes.pose.flatten(0, 1), pose.repeat_interleave(count, 0)
    step = torch.cat(
        (pose[:, :3] - each[:, :3], pose_type_of(pose).chart_inverse(each, pose[:, 3:])), dim=1
    )
    factor = scale_factor(modes.covariance.flatten(0, 1))
    white = torch.linalg.solve_triangular(factor, step[..., None], upper=False)
    return white.square().sum((1, 2)).unflatten(0, (batch, count))


def _reflected(pose: Tensor, covariance: Tensor) -> Tensor:
    """Covariances (B, dof, dof) after the reflection across the line of sight to poses (B, P).

    Translations are reflected by H_v; a turn, whose axis is no vector but an axial one, by -H_v.
    """
    sight = pose[:, :3] / pose[:, :3].norm(dim=-1, keepdim=True)
    reflection = -2 * sight[:, :, None] * sight[:, None]
    reflection = reflection + torch.eye(3, dtype=pose.dtype, device=pose.device)
    transport = torch.zeros_like(covariance)
    transport[:, :3, :3] = reflection
    transport[:, 3:, 3:] = -1 if pose_type_of(pose) is YawPose else -reflection
    return transport @ covariance @ transport.mT


def _pure(vector: Tensor) -> Tensor:
    return torch.cat((torch.zeros_like(vector[..., :1]), vector), dim=-1)


def _product(first: Tensor, second: Tensor) -> Tensor:
    """Of quaternions (..., 4)."""
    first, second = torch.broadcast_tensors(first, second)
    a, u = first[..., :1], first[..., 1:]
    b, v = second[..., :1], second[..., 1:]
    real = a * b - (u * v).sum(-1, keepdim=True)
    return torch.cat((real, a * v + b * u + torch.linalg.cross(u, v)), dim=-1)
