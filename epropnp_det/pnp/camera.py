"""Cameras: from points in the camera frame to pixels, with analytic derivatives."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from . import newer_torch
from .layout import Layout
from .local_frame import length_unit
from .tensor_batch import TensorBatch, all_finite, check_shape

if TYPE_CHECKING:
    from typing import Self  # of Python 3.11


LEAST_DEPTH = 0.1
"""Smallest depth where none is given, by an object's unit."""

NEARLY_NO_DEPTH = 1e-6
"""The same of points on their own: finite bearings whatever their unit is."""


class Image(NamedTuple):
    """Pixels of points and their derivatives, as planes (C, N, L).

    Attributes:
        pixels: u and v, clamped.
        rows: of u and of v, the derivatives by x, y and z of the points.
    """

    pixels: list[Tensor]
    rows: list[list[Tensor]]


def _identity_like(matrices: Tensor) -> Tensor:
    return torch.eye(3, dtype=matrices.dtype, device=matrices.device).expand_as(matrices)


@dataclass(frozen=True, eq=False)
class PerspectiveCamera(TensorBatch):
    """Pinhole cameras, one an object. Camera frame: x right, y down, z forward.

    Depth is clamped from below and, where there are bounds, pixels are clamped to them, so that no
    point can pull on a pose from infinitely far away. Cameras with a lens derive from this class
    and replace ``distort``, ``distort_with_jacobian`` and ``undistort``.

    Attributes:
        cam_mats: intrinsics (B, 3, 3) in pixels, up to a factor: the last row is made (0, 0, 1). A
            matrix whose last row is no multiple of that is no pinhole's; all of it becomes NaN.
        bounds: rectangles (B, 4) beyond which no projection lies, as (left, top, right, bottom) in
            pixels, or None for none; see :meth:`of_image`.
        z_min: smallest depth, (B,) or one number, in the unit of the points. None for one that goes
            with the size of a problem's objects, 0.1 of cars in metres (``local_frame``).

    Raises:
        ValueError: if a shape, dtype or device does not fit.

    Example:
        >>> camera = PerspectiveCamera(torch.tensor([[[800.0, 0, 320], [0, 800, 240], [0, 0, 1]]]))
        >>> camera.project(torch.tensor([[[1.0, 0.5, 10.0]]]))
        tensor([[[400., 280.]]])
    """

    cam_mats: Tensor = field(metadata={"harmless": _identity_like})
    bounds: Tensor | None = None
    z_min: Tensor | float | None = field(default=None, metadata={"harmless": torch.ones_like})

    def __post_init__(self) -> None:
        check_shape("cam_mats", self.cam_mats, ("B", 3, 3))
        object.__setattr__(self, "cam_mats", _normalised(self.cam_mats))
        if self.bounds is not None:
            check_shape("bounds", self.bounds, (self.cam_mats.shape[0], 4))
            if self.bounds.device != self.cam_mats.device:
                raise ValueError(
                    f"bounds is on {self.bounds.device} but cam_mats on "
                    f"{self.cam_mats.device}; move one of them."
                )
            object.__setattr__(self, "bounds", self.bounds.to(self.cam_mats.dtype))
        if isinstance(self.z_min, Tensor):
            check_shape("z_min", self.z_min, (self.cam_mats.shape[0],))

    @classmethod
    def of_image(
        cls,
        cam_mats: Tensor,
        img_shape: Tensor | Sequence[float],
        border: float = 200.0,
        **settings: Any,
    ) -> Self:
        """Cameras whose projections lie within an image enlarged by a border on every side.

        Args:
            cam_mats: intrinsics (B, 3, 3), in pixels.
            img_shape: sizes (B, 2) as (height, width) in pixels, or one (height, width) for all.
            border: how far outside the image a projection may lie, in pixels.
            **settings: further attributes.

        Raises:
            ValueError: if a shape, dtype or device does not fit.

        Example:
            >>> cam_mats = torch.tensor([[[800.0, 0, 320], [0, 800, 240], [0, 0, 1]]])
            >>> PerspectiveCamera.of_image(cam_mats, (480, 640), border=10).bounds
            tensor([[-10., -10., 650., 490.]])
        """
        if not isinstance(img_shape, Tensor):
            img_shape = cam_mats.new_tensor(img_shape).expand(len(cam_mats), -1)
        check_shape("img_shape", img_shape, (len(cam_mats), 2))
        return cls(cam_mats, image_bounds(img_shape.to(cam_mats.dtype), border), **settings)

    @property
    def device(self) -> torch.device:
        """Where the intrinsics are."""
        return self.cam_mats.device

    def usable(self) -> Tensor:
        """(B,) bool: whether all numbers of the camera are finite."""
        usable = all_finite(self.cam_mats.flatten(1))
        if isinstance(self.z_min, Tensor):
            usable = usable & self.z_min.isfinite()
        return usable if self.bounds is None else usable & all_finite(self.bounds)

    def with_depth(self, depth: Tensor | float) -> Self:
        """The same cameras with another smallest depth, (B,) or one number."""
        clone = copy.copy(self)
        object.__setattr__(clone, "z_min", depth)
        return clone

    def least_depth(self, squared_size: Tensor) -> Tensor:
        """Smallest depth (B,) for objects of which this is the ``mean_squared_size``, (B,)."""
        if self.z_min is None:
            size = squared_size.sqrt()
            least = LEAST_DEPTH * length_unit(squared_size)
            return torch.where(size > 0, size.minimum(least), least)
        if isinstance(self.z_min, Tensor):
            return self.z_min
        return torch.full_like(squared_size, self.z_min)

    def project(self, points: Tensor) -> Tensor:
        """Project points (EPro-PnP, arXiv 2203.13254, section 3).

        Args:
            points: (..., B, N, 3) in the camera frame, metres.

        Returns:
            (..., B, N, 2) pixels (u, v), clamped.
        """
        return _from_planes(self._packed().image(_to_planes(points)))

    def project_with_jacobian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Project points and differentiate.

        Args:
            points: (..., B, N, 3) in the camera frame, metres.

        Returns:
            Pixels (..., B, N, 2), clamped, and their derivatives by the points, (..., B, N, 2, 3).
            The rows of a point whose depth is clamped, and the row of a pixel coordinate that is
            clamped, are zero.
        """
        image = self._packed().image_with_jacobian(_to_planes(points))
        rows = [_from_planes(row) for row in image.rows]
        return _from_planes(image.pixels), torch.stack(rows, dim=-2)

    def normalise(self, pixels: Tensor) -> Tensor:
        """Bearings of pixels: (x / z, y / z) of the rays through them.

        Args:
            pixels: (..., B, N, 2).

        Returns:
            (..., B, N, 2) without unit; not finite where a camera cannot be inverted.
        """
        packed = self.packed(Layout())
        return _from_planes(packed.bearings(_to_planes(pixels)))

    def _packed(self) -> Self:
        """For points of unknown objects, of which any before the camera may be meant."""
        camera = self.with_depth(NEARLY_NO_DEPTH) if self.z_min is None else self
        return camera.packed(Layout())

    # The methods below are called on a packed camera: a field (B, D) has become (D, C, 1, L), and
    # broadcasts with planes (C, N, L).

    def distort(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """What the lens makes of bearings x / z and y / z; a pinhole leaves them alone."""
        return a, b

    def distort_with_jacobian(
        self, a: Tensor, b: Tensor
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, ...] | None]:
        """``distort`` and (da'/da, da'/db, db'/da, db'/db), or None where nothing is distorted."""
        return (a, b), None

    def undistort(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of ``distort``."""
        return a, b

    def bearings(self, pixels: list[Tensor]) -> list[Tensor]:
        """x / z and y / z of the rays through pixels u and v."""
        (a, b, u0), (c, d, v0), _ = self.cam_mats
        u, v, determinant = pixels[0] - u0, pixels[1] - v0, a * d - b * c
        return list(self.undistort((d * u - b * v) / determinant, (a * v - c * u) / determinant))

    def image(self, point: list[Tensor]) -> list[Tensor]:
        """Pixels u and v, clamped, of points x, y and z in the camera frame, metres."""
        inverse_depth = point[2].clamp(min=self.z_min).reciprocal()
        bearing = self.distort(point[0] * inverse_depth, point[1] * inverse_depth)
        return [self._clamped(self._pixel(axis, *bearing), axis) for axis in (0, 1)]

    def image_with_jacobian(self, point: list[Tensor]) -> Image:
        """``image`` and its derivatives."""
        depth = point[2].clamp(min=self.z_min)
        inverse_depth = depth.reciprocal()
        a, b = point[0] * inverse_depth, point[1] * inverse_depth
        bearing, lens = self.distort_with_jacobian(a, b)
        in_front = _unless_clamped(inverse_depth, point[2], depth)
        pixels, rows = [], []
        for axis in (0, 1):
            free = self._pixel(axis, *bearing)
            clamped = self._clamped(free, axis)
            factor = in_front if clamped is free else _unless_clamped(in_front, free, clamped)
            by_a, by_b, _ = self.cam_mats[axis]
            if lens is not None:
                aa, ab, ba, bb = lens
                by_a, by_b = by_a * aa + by_b * ba, by_a * ab + by_b * bb
            by_x, by_y = factor * by_a, factor * by_b
            pixels.append(clamped)
            rows.append([by_x, by_y, -(by_x * a + by_y * b)])
        return Image(pixels, rows)

    def _pixel(self, axis: int, a: Tensor, b: Tensor) -> Tensor:
        by_a, by_b, offset = self.cam_mats[axis]
        return by_a * a + by_b * b + offset

    def _clamped(self, pixel: Tensor, axis: int) -> Tensor:
        if self.bounds is None:
            return pixel
        return pixel.maximum(self.bounds[axis]).minimum(self.bounds[2 + axis])


def _normalised(cam_mats: Tensor) -> Tensor:
    """With the last row (0, 0, 1), or NaN; bitwise the same where that is the row already."""
    last = cam_mats[:, 2:]
    pinhole = (last[..., :2] == 0).all(-1, keepdim=True) & (last[..., 2:] != 0)
    return torch.where(pinhole, cam_mats / last[..., 2:], torch.nan)


def image_bounds(img_shape: Tensor, border: float) -> Tensor:
    """Images (..., 2), (height, width), enlarged: (..., 4) left, top, right and bottom, pixels."""
    lower = torch.full_like(img_shape, -border)
    return torch.cat([lower, img_shape.flip(-1) + border], dim=-1)


def _unless_clamped(plane: Tensor, free: Tensor, clamped: Tensor) -> Tensor:
    """The plane where a number was left alone by its clamp, elsewhere zero."""
    if newer_torch.is_compiling():
        return torch.where(clamped == free, plane, 0.0)
    # Otherwise a comparison or a selection takes a CPU many times as long as arithmetic.
    return plane * (1 - (clamped - free).sign().abs())


def _to_planes(tensor: Tensor) -> list[Tensor]:
    """(..., B, N, D) -> D planes (..., 1, N, B)."""
    return [plane.mT[..., None, :, :] for plane in tensor.unbind(-1)]


def _from_planes(planes: list[Tensor]) -> Tensor:
    """D planes (..., 1, N, B) -> (..., B, N, D)."""
    return torch.stack([plane.squeeze(-3).mT for plane in planes], dim=-1)
