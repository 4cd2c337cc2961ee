"""Pose types: what the layer needs to know of a rotation group, and nothing else.

A pose (..., P) is a translation in metres, then a rotation. Both types rotate by a matrix, step in
the tangent space of the solver, and offer a chart: coordinates in which the sampler draws.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .tensor_batch import all_finite

Rows = tuple[tuple[Tensor, ...], ...]
"""Entries of matrices, row by row: numbers that a loop runs over lie next to each other."""


class YawPose:
    """Poses of 4 degrees of freedom, [x, y, z, yaw] in metres and radians.

    The rotation is about the camera's Y axis, R = [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]
    (EPro-PnP, arXiv 2203.13254). Yaw is not wrapped, so that steps stay differentiable.
    """

    dof = 4
    dim = 4
    nominal_ones = slice(2, 3)

    log_rotations = math.log(2 * math.pi)
    """Logarithm of the measure of all rotations, in radians."""

    @staticmethod
    def rotation_rows(pose: Tensor) -> Rows:
        """Rows of R, each entry (...), of poses (..., 4)."""
        cos, sin = pose[..., 3].cos(), pose[..., 3].sin()
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        return (cos, zero, sin), (zero, one, zero), (-sin, zero, cos)

    @staticmethod
    def rotated(rotation: Tensor, point: Tensor | list[Tensor]) -> list[Tensor]:
        """R x as three tensors, without the products with the zeros of R.

        Args:
            rotation: R, its rows and columns first, (3, 3, ...).
            point: x, y and z, three tensors that broadcast with (...).
        """
        (cos, _, sin), (x, y, z) = rotation[0], point
        return [cos * x + sin * z, y, cos * z - sin * x]

    @staticmethod
    def rotation_gradient(gradient: list[Tensor], rotated: list[Tensor]) -> list[Tensor]:
        """Gradient by each rotation step from that by a rotated point.

        Args:
            gradient: derivatives by x, y and z of a point R x, tensors of one shape.
            rotated: x, y and z of R x.

        Returns:
            One tensor: the point moves by (z, 0, -x) for a step of yaw.
        """
        return [gradient[0] * rotated[2] - gradient[2] * rotated[0]]

    @staticmethod
    def retract(pose: Tensor, step: Tensor) -> Tensor:
        """Move poses (..., 4) by steps in the tangent space (..., 4)."""
        return pose + step

    @staticmethod
    def normalised(pose: Tensor) -> Tensor:
        """The pose itself: every yaw is a rotation."""
        return pose

    @staticmethod
    def chart(mode: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations around a mode from coordinates without bounds, yaw + 2 atan(d / 2).

        To first order d is a step of ``retract``; the whole circle but one point is reached.

        Args:
            mode: (B, 4).
            rotation: d, (..., B, 1).

        Returns:
            Rotation part of the poses (..., B, 1), and the log of the measure of rotations by that
            of d, (..., B).
        """
        return mode[..., 3:] + 2 * (0.5 * rotation).atan(), YawPose.chart_measure(rotation)

    @staticmethod
    def chart_measure(rotation: Tensor) -> Tensor:
        """Log of the measure of rotations by that of d (..., 1): (...)."""
        return -torch.log1p((0.5 * rotation[..., 0]).square())

    @staticmethod
    def chart_inverse(mode: Tensor, rotation: Tensor) -> Tensor:
        """d (..., B, 1) of ``chart`` from the rotation part of poses (..., B, 1)."""
        return 2 * (0.5 * (rotation - mode[..., 3:])).tan()

    @staticmethod
    def uniform_rotation(uniform: Tensor) -> Tensor:
        """Rotation part of poses (..., 1) from numbers (..., 1) that are uniform in [0, 1)."""
        return (2 * uniform - 1) * math.pi

    @staticmethod
    def guess_depth(x3d: Tensor, bearings: Tensor) -> Tensor:
        """Depth at which the object is as high as its image (EPro-PnP, arXiv 2203.13254).

        A yaw rotation leaves heights alone, so std(x3d.y) / std(y / z) needs no rotation.

        Args:
            x3d: (3, ..., N, L) metres.
            bearings: (2, ..., N, L), x / z and y / z.

        Returns:
            (..., L) metres; not finite where the pixels have no height.
        """
        return _spread(x3d[1:2]) / _spread(bearings[1:2])


class QuaternionPose:
    """Poses of 6 degrees of freedom, [x, y, z, w, i, j, k] in metres, with a unit quaternion.

    A step d (3) of the rotation moves q to normalize(q + G(q) d), so that R x moves by
    2 (R x) x d (EPro-PnP, arXiv 2203.13254).
    """

    dof = 6
    dim = 7
    nominal_ones = slice(2, 4)

    log_rotations = math.log(2 * math.pi**2)
    """Logarithm of the measure of all unit quaternions, the surface of S^3."""

    @staticmethod
    def rotation_rows(pose: Tensor) -> Rows:
        """Rows of R, each entry (...), of poses (..., 7) with unit quaternions."""
        w, i, j, k = pose[..., 3:].unbind(-1)
        return (
            (1 - 2 * (j * j + k * k), 2 * (i * j - k * w), 2 * (i * k + j * w)),
            (2 * (i * j + k * w), 1 - 2 * (i * i + k * k), 2 * (j * k - i * w)),
            (2 * (i * k - j * w), 2 * (j * k + i * w), 1 - 2 * (i * i + j * j)),
        )

    @staticmethod
    def rotated(rotation: Tensor, point: Tensor | list[Tensor]) -> list[Tensor]:
        """R x, as ``YawPose.rotated``."""
        return [row[0] * point[0] + row[1] * point[1] + row[2] * point[2] for row in rotation]

    @staticmethod
    def rotation_gradient(gradient: list[Tensor], rotated: list[Tensor]) -> list[Tensor]:
        """As ``YawPose.rotation_gradient``: the three tensors of 2 g x (R x)."""
        (a, b, c), (x, y, z) = ([2 * g for g in gradient], rotated)
        return [b * z - c * y, c * x - a * z, a * y - b * x]

    @staticmethod
    def retract(pose: Tensor, step: Tensor) -> Tensor:
        """Move poses (..., 7) by steps in the tangent space (..., 6)."""
        quaternion, d = pose[..., 3:].unbind(-1), step[..., 3:].unbind(-1)
        moved = [
            q + row[0] * d[0] + row[1] * d[1] + row[2] * d[2]
            for q, row in zip(quaternion, _tangent_rows(*quaternion), strict=True)
        ]
        length = sum(q * q for q in moved).sqrt()
        translation = (pose[..., :3] + step[..., :3]).unbind(-1)
        return torch.stack((*translation, *(q / length for q in moved))).movedim(0, -1)

    @staticmethod
    def normalised(pose: Tensor) -> Tensor:
        """The pose (..., 7) with a unit quaternion; not finite where it is zero."""
        return torch.cat((pose[..., :3], _unit(pose[..., 3:])), dim=-1)

    @staticmethod
    def chart(mode: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations around a mode from coordinates without bounds, normalize(q + G(q) d).

        A density in d times (1 + |d|^2)^2 is the density on one hemisphere; both quaternions of a
        rotation count, which makes the measure twice as large.

        Args:
            mode: (B, 7).
            rotation: d, (..., B, 3).

        Returns:
            Rotation part of the poses (..., B, 4), and the log of the measure of quaternions by
            that of d, (..., B).
        """
        step = torch.einsum("bij,...bj->...bi", quaternion_tangents(mode[:, 3:]), rotation)
        quaternion = mode[:, 3:] + step
        squared = quaternion.square().sum(-1, keepdim=True)  # 1 + |d|^2
        return quaternion / squared.sqrt(), math.log(2) - 2 * squared[..., 0].log()

    @staticmethod
    def chart_measure(rotation: Tensor) -> Tensor:
        """Log of the measure of quaternions by that of d (..., 3): (...)."""
        return math.log(2) - 2 * torch.log1p(rotation.square().sum(-1))

    @staticmethod
    def chart_inverse(mode: Tensor, rotation: Tensor) -> Tensor:
        """d (..., B, 3) of ``chart`` from the rotation part of poses (..., B, 4), of any sign."""
        sines = torch.einsum("bij,...bi->...bj", quaternion_tangents(mode[:, 3:]), rotation)
        return sines / (mode[:, 3:] * rotation).sum(-1, keepdim=True)

    @staticmethod
    def uniform_rotation(uniform: Tensor) -> Tensor:
        """Unit quaternions (..., 4) from numbers (..., 3) that are uniform in [0, 1).

        Shoemake, Uniform Random Rotations, Graphics Gems III, 1992.
        """
        u, first, second = uniform.unbind(-1)
        small, large = (1 - u).sqrt(), u.sqrt()
        first, second = 2 * math.pi * first, 2 * math.pi * second
        parts = (small * first.sin(), small * first.cos(), large * second.sin())
        return torch.stack((*parts, large * second.cos()), dim=-1)

    @staticmethod
    def guess_depth(x3d: Tensor, bearings: Tensor) -> Tensor:
        """Depth at which the object is as large as its image (EPro-PnP, arXiv 2203.13254).

        A camera sees two of the three dimensions in which a point set spreads, whence 2/3.

        Args:
            x3d: (3, ..., N, L) metres.
            bearings: (2, ..., N, L), x / z and y / z.

        Returns:
            (..., L) metres; not finite where the pixels coincide.
        """
        return math.sqrt(2 / 3) * _spread(x3d) / _spread(bearings)


PoseType = type[YawPose] | type[QuaternionPose]


def pose_type(dof: int) -> PoseType:
    """The pose type of that many degrees of freedom.

    Raises:
        ValueError: if there is none.
    """
    for kind in (YawPose, QuaternionPose):
        if kind.dof == dof:
            return kind
    raise ValueError(f"dof must be 4 (translation and yaw) or 6 (and full rotation), got {dof}.")


def pose_type_of(pose: Tensor) -> PoseType:
    """The pose type of a tensor (..., P).

    Raises:
        ValueError: if no type has P elements.
    """
    for kind in (YawPose, QuaternionPose):
        if pose.ndim >= 2 and pose.shape[-1] == kind.dim:
            return kind
    raise ValueError(f"pose must have shape (..., B, 4) or (..., B, 7), got {tuple(pose.shape)}.")


def rotation_matrix(pose: Tensor) -> Tensor:
    """R: poses (..., B, P) -> (..., B, 3, 3)."""
    return _stacked(pose_type_of(pose).rotation_rows(pose))


def rotate(pose: Tensor, x3d: Tensor) -> Tensor:
    """R x3d: poses (..., B, P) and points (B, N, 3) in metres -> (..., B, N, 3) metres."""
    x, y, z = x3d.unbind(-1)
    rows = pose_type_of(pose).rotation_rows(pose[..., None, :])
    return torch.stack([row[0] * x + row[1] * y + row[2] * z for row in rows], dim=-1)


def finite_poses(pose: Tensor) -> tuple[Tensor, Tensor]:
    """Replace poses (..., P) that are no pose by the identity one metre in front of the camera.

    Returns:
        The poses, with unit quaternions, and (...) bool: which of them were poses.
    """
    pose = pose_type_of(pose).normalised(pose)
    finite = all_finite(pose)
    return keep_poses(pose, finite), finite


def keep_poses(pose: Tensor, keep: Tensor) -> Tensor:
    """Poses (..., P) where ``keep`` (...) is true, elsewhere the identity one metre in front."""
    nominal = torch.zeros_like(pose[..., :1, :])
    nominal[..., pose_type_of(pose).nominal_ones] = 1
    return torch.where(keep[..., None], pose, nominal)


def quaternion_tangents(quaternion: Tensor) -> Tensor:
    """G(q), the derivative of a quaternion (..., 4) by a rotation step: (..., 4, 3)."""
    return _stacked(_tangent_rows(*quaternion.unbind(-1)))


def _tangent_rows(w: Tensor, i: Tensor, j: Tensor, k: Tensor) -> Rows:
    return (i, j, k), (-w, -k, j), (k, -w, -i), (-j, i, -w)


def _stacked(rows: Rows) -> Tensor:
    """Matrices (..., R, C) of R rows of C entries (...)."""
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm(dim=-1, keepdim=True)


def _spread(planes: Tensor) -> Tensor:
    """Root of the summed squares about the mean over points: (D, ..., N, L) -> (..., L)."""
    return (planes - planes.mean(-2, keepdim=True)).square().sum((0, -2)).sqrt()
