"""Cameras: from points in the camera frame to pixels, with analytic derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .tensor_batch import TensorBatch, check_shape, keep_objects


@dataclass(frozen=True, eq=False)
class PerspectiveCamera(TensorBatch):
    """Pinhole cameras, one an object. Camera frame: x right, y down, z forward.

    Depth is clamped from below and, where the image size is known, pixels are clamped to the image
    rectangle enlarged by a border, so that no point can pull on a pose from infinitely far away.

    Attributes:
        cam_mats: intrinsics (B, 3, 3), last row (0, 0, 1), in pixels.
        img_shape: image sizes (B, 2) as (height, width) in pixels, or None for no border.
        z_min: smallest depth in metres.
        allowed_border: how far outside the image a projection may lie, in pixels.

    Raises:
        ValueError: if a shape, dtype or device does not fit.
    """

    cam_mats: Tensor
    img_shape: Tensor | None = None
    z_min: float = 0.1
    allowed_border: float = 200.0

    def __post_init__(self) -> None:
        check_shape("cam_mats", self.cam_mats, ("B", 3, 3))
        if self.img_shape is not None:
            check_shape("img_shape", self.img_shape, (len(self.cam_mats), 2))
            if self.img_shape.device != self.cam_mats.device:
                raise ValueError(
                    f"img_shape is on {self.img_shape.device} but cam_mats on "
                    f"{self.cam_mats.device}; move one of them."
                )
            object.__setattr__(self, "img_shape", self.img_shape.to(self.cam_mats.dtype))

    @property
    def device(self) -> torch.device:
        return self.cam_mats.device

    def usable(self) -> Tensor:
        """(B,) bool: whether all numbers of the camera are finite."""
        usable = self.cam_mats.isfinite().all(-1).all(-1)
        return usable if self.img_shape is None else usable & self.img_shape.isfinite().all(-1)

    def masked(self, keep: Tensor) -> PerspectiveCamera:
        """Put a harmless camera in place of those that are not to be kept.

        Args:
            keep: (B,) bool.
        """
        harmless = torch.eye(3, dtype=self.cam_mats.dtype, device=self.device)
        img_shape = self.img_shape
        if img_shape is not None:
            img_shape = keep_objects(img_shape, keep, harmless=1.0)
        return PerspectiveCamera(
            torch.where(keep[:, None, None], self.cam_mats, harmless),
            img_shape,
            self.z_min,
            self.allowed_border,
        )

    def project(self, points: Tensor) -> Tensor:
        """Project points (EPro-PnP, arXiv 2203.13254).

        Args:
            points: (..., B, N, 3) in the camera frame, metres.

        Returns:
            (..., B, N, 2) pixels (u, v), clamped.
        """
        return self._clamp_to_border(self._pinhole(*points.unbind(-1)))

    def project_with_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Project points and differentiate.

        Args:
            points: (..., B, N, 3) in the camera frame, metres.

        Returns:
            Pixels (..., B, N, 2), clamped, and their derivatives by the points, (..., B, N, 2, 3).
            The rows of a point whose depth is clamped, and the row of a pixel coordinate that is
            clamped, are zero.
        """
        x, y, z = points.unbind(-1)
        free = self._pinhole(x, y, z)
        clamped = self._clamp_to_border(free)
        inverse_depth = z.clamp(min=self.z_min).reciprocal()
        k = self.cam_mats[..., None, :2, :]
        # d(uv)/d(xyz) = [K2, c - uv] / z: columns (x, y, z) of rows (u, v), points last in memory.
        columns = torch.broadcast_tensors(k[..., 0], k[..., 1], k[..., 2] - free)
        active = (z > self.z_min)[..., None] & (clamped == free)
        factor = (active * inverse_depth[..., None]).mT
        jacobian = torch.stack([column.mT * factor for column in columns], dim=-3)
        return clamped, jacobian.movedim(-1, -3).mT

    def normalise(self, pixels: Tensor) -> Tensor:
        """Bearings of pixels: (x / z, y / z) of the rays through them.

        Args:
            pixels: (..., B, N, 2).

        Returns:
            (..., B, N, 2) without unit.
        """
        inverse = torch.linalg.inv_ex(self.cam_mats[..., :2, :2]).inverse
        return (pixels - self.cam_mats[..., None, :2, 2]) @ inverse.mT

    def _pinhole(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        inverse_depth = z.clamp(min=self.z_min).reciprocal()
        a, b = x * inverse_depth, y * inverse_depth
        k = self.cam_mats[..., None, :2, :]
        uv = [
            torch.addcmul(torch.addcmul(k[..., i, 2], k[..., i, 1], b), k[..., i, 0], a)
            for i in range(2)
        ]
        return torch.stack(uv, dim=-2).mT

    def _clamp_to_border(self, uv: Tensor) -> Tensor:
        if self.img_shape is None:
            return uv
        upper = self.img_shape.flip(-1)[..., None, :] + self.allowed_border
        return uv.clamp(min=-self.allowed_border).minimum(upper)
