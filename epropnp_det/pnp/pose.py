"""Pose types: what the solvers need to know of a rotation group, and nothing else."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .proposals import YawProposal


class YawPose:
    """Poses of 4 degrees of freedom, [x, y, z, yaw] in metres and radians.

    The rotation is about the camera's Y axis, R = [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]
    (EPro-PnP, arXiv 2203.13254). Yaw is not wrapped, so that steps stay differentiable.
    """

    dof = 4
    dim = 4
    nominal = (0.0, 0.0, 1.0, 0.0)
    Proposal = YawProposal

    @staticmethod
    def rotate(pose: Tensor, x3d: Tensor) -> Tensor:
        """R x3d: (..., B, 4) and (B, N, 3) metres -> (..., B, N, 3) metres."""
        yaw = pose[..., 3:]
        cos, sin = yaw.cos(), yaw.sin()
        x, y, z = x3d.unbind(-1)
        rotated = torch.broadcast_tensors(cos * x + sin * z, y, cos * z - sin * x)
        return torch.stack(rotated, dim=-2).mT

    @staticmethod
    def rotation_tangents(rotated: Tensor) -> list[Tensor]:
        """Derivatives of R x3d by each rotation step: (..., N, 3) -> 1 of (..., N, 3)."""
        x, _, z = rotated.unbind(-1)
        return [torch.stack((z, torch.zeros_like(x), -x), dim=-2).mT]

    @staticmethod
    def retract(pose: Tensor, step: Tensor) -> Tensor:
        """Move poses (..., 4) by steps in the tangent space (..., 4)."""
        return pose + step

    @staticmethod
    def random_rotation(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Uniform rotations: translations (..., 3) -> poses (..., 4) with these translations."""
        turns = torch.rand(
            (*like.shape[:-1], 1), dtype=like.dtype, device=like.device, generator=generator
        )
        return torch.cat((like, (2 * turns - 1) * math.pi), dim=-1)

    @staticmethod
    def guess_depth(x3d: Tensor, bearings: Tensor) -> Tensor:
        """Depth at which the object is as high as its image (EPro-PnP, arXiv 2203.13254).

        A yaw rotation leaves heights alone, so std(x3d.y) / std(y / z) needs no rotation.

        Args:
            x3d: (..., N, 3) metres.
            bearings: (..., N, 2), (x / z, y / z).

        Returns:
            (...,) metres; not finite where the pixels have no height.
        """

        def spread(values: Tensor) -> Tensor:
            return (values - values.mean(-1, keepdim=True)).square().sum(-1).sqrt()

        return spread(x3d[..., 1]) / spread(bearings[..., 1])


def pose_type(dof: int) -> type[YawPose]:
    """The pose type of that many degrees of freedom.

    Raises:
        ValueError: if there is none.
    """
    if dof != YawPose.dof:
        raise ValueError(f"dof must be 4 (translation and yaw), got {dof}.")
    return YawPose


def pose_type_of(pose: Tensor) -> type[YawPose]:
    """The pose type of a tensor (..., P).

    Raises:
        ValueError: if no type has P elements.
    """
    if pose.ndim < 2 or pose.shape[-1] != YawPose.dim:
        raise ValueError(f"pose must have shape (..., B, 4), got {tuple(pose.shape)}.")
    return YawPose


def finite_poses(pose: Tensor) -> tuple[Tensor, Tensor]:
    """Replace poses (..., P) that are not finite by the identity one metre in front of the camera.

    Returns:
        The poses, and (...) bool: which of them were finite.
    """
    finite = pose.isfinite().all(-1)
    nominal = pose.new_tensor(pose_type_of(pose).nominal)
    return torch.where(finite[..., None], pose, nominal), finite
