"""Cameras with a lens, as OpenCV calibrates them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .camera import PerspectiveCamera
from .tensor_batch import check_shape

NUM_COEFFICIENTS = (4, 5, 8)

NEWTON_STEPS = 10
"""Of ``undistort``: enough for rounding, but where a lens nearly folds."""

SEARCHED_RADII = (1e-3, 1e3, 512)
"""First and last radius, without unit, and their number, on which a fold is looked for."""

NO_LIMIT = 1e18
"""Radius whose square is still finite in float32."""


@dataclass(frozen=True, eq=False)
class OpenCVCamera(PerspectiveCamera):
    """Pinhole cameras behind a lens with OpenCV's radial and tangential distortion.

    With a = x / z, b = y / z and r^2 = a^2 + b^2 the lens maps (OpenCV, module calib3d)

        a' = a (1 + k1 r^2 + k2 r^4 + k3 r^6) / (1 + k4 r^2 + k5 r^4 + k6 r^6)
             + 2 p1 a b + p2 (r^2 + 2 a^2),

    and b' likewise with p1 and p2 exchanged. Far outside the image that was calibrated, the radial
    part stops growing and folds back, so that points beside the camera would appear inside the
    image. Here the radius is frozen where it first stops growing: points further out appear where
    the range of the lens ends in their direction, with a zero derivative along the radius.

    Attributes:
        distortion: coefficients (B, 4), (B, 5) or (B, 8) in OpenCV's order: k1, k2, p1, p2, k3, k4,
            k5, k6; without unit.
        max_radius: (B,) the largest r that the lens maps, without unit; None to find it, to 3 %.

    Raises:
        ValueError: if a shape, dtype or device does not fit.

    Example:
        >>> cam_mats = torch.tensor([[[100.0, 0, 0], [0, 100, 0], [0, 0, 1]]])
        >>> barrel = OpenCVCamera(cam_mats, distortion=torch.tensor([[-0.25, 0, 0, 0]]))
        >>> barrel.project(torch.tensor([[[1.0, 0, 2]]]))  # 100 * 0.5 * (1 - 0.25 * 0.5^2)
        tensor([[[46.8750,  0.0000]]])
    """

    distortion: Tensor = field(kw_only=True)
    max_radius: Tensor | None = field(
        default=None, kw_only=True, metadata={"harmless": torch.ones_like}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        batch = len(self.cam_mats)
        if self.distortion.ndim != 2 or self.distortion.shape[1] not in NUM_COEFFICIENTS:
            raise ValueError(
                "distortion must have shape (B, 4), (B, 5) or (B, 8), got "
                f"{tuple(self.distortion.shape)}."
            )
        if self.max_radius is None:
            object.__setattr__(self, "max_radius", _largest_radius(self.distortion))
        check_shape("distortion", self.distortion, (batch, self.distortion.shape[1]))
        check_shape("max_radius", self.max_radius, (batch,))
        for name in ("distortion", "max_radius"):
            for attribute in ("dtype", "device"):
                have, want = (getattr(t, attribute) for t in (getattr(self, name), self.cam_mats))
                if have != want:
                    raise ValueError(f"{name} has {attribute} {have}, but cam_mats has {want}.")

    def usable(self) -> Tensor:
        """(B,) bool: whether all numbers of the camera are finite and its lens maps something."""
        lens = self.distortion.isfinite().all(-1) & (self.max_radius > 0)
        return super().usable() & lens & self.max_radius.isfinite()

    def distort(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """What the lens makes of bearings x / z and y / z."""
        a, b, _, _ = self._in_range(a, b)
        bent, _ = self._bend(a, b)
        return bent

    def distort_with_jacobian(
        self, a: Tensor, b: Tensor
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, ...]]:
        """``distort`` and the derivatives (da'/da, da'/db, db'/da, db'/db)."""
        a, b, scale, frozen = self._in_range(a, b)
        bent, factor = self._bend(a, b)
        aa, ab, ba, bb = self._jacobian(a, b, *factor)
        # Beyond the range the radius is constant: only what is at right angles to it counts.
        by_radius_a, by_radius_b = frozen * (aa * a + ab * b), frozen * (ba * a + bb * b)
        aa, ab = scale * (aa - by_radius_a * a), scale * (ab - by_radius_a * b)
        ba, bb = scale * (ba - by_radius_b * a), scale * (bb - by_radius_b * b)
        return bent, (aa, ab, ba, bb)

    def undistort(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of ``distort`` by Newton's method; the nearest edge of the range beyond it.

        Where the radial part bends one way, each step stays on the side where it began.
        """
        undistorted = self._in_range(a, b)[:2]
        for _ in range(NEWTON_STEPS):
            bent, factor = self._bend(*undistorted)
            aa, ab, ba, bb = self._jacobian(*undistorted, *factor)
            error_a, error_b = a - bent[0], b - bent[1]
            determinant = aa * bb - ab * ba
            step_a = (bb * error_a - ab * error_b) / determinant
            step_b = (aa * error_b - ba * error_a) / determinant
            undistorted = self._in_range(undistorted[0] + step_a, undistorted[1] + step_b)[:2]
        return undistorted

    def _in_range(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Bearings drawn to where the lens maps them.

        Returns:
            The bearings, by what they were multiplied, and 1 / r^2 where that is not one, else 0.
        """
        limit = self.max_radius.square()
        squared = torch.addcmul(a * a, b, b)
        # One, not nearly one, inside the range: without distortion this is exactly a pinhole.
        scale = (limit / squared.maximum(limit)).sqrt()
        frozen = torch.where(squared > limit, 1 / limit, torch.zeros_like(limit))
        return scale * a, scale * b, scale, frozen

    def _bend(self, a: Tensor, b: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """The lens within its range: (a', b'), and what ``_jacobian`` needs."""
        p1, p2 = self.distortion[2], self.distortion[3]
        squared = torch.addcmul(a * a, b, b)
        radial, slope = _radial(self.distortion, squared)
        factor = radial + 2 * torch.addcmul(p1 * b, p2, a)
        bent = (torch.addcmul(a * factor, p2, squared), torch.addcmul(b * factor, p1, squared))
        return bent, (factor, slope)

    def _jacobian(self, a: Tensor, b: Tensor, factor: Tensor, slope: Tensor) -> tuple[Tensor, ...]:
        p1, p2 = self.distortion[2], self.distortion[3]
        by_a, by_b = 2 * (slope * a + p2), 2 * (slope * b + p1)
        mixed = torch.addcmul(a * by_b, 2 * p2, b)
        aa, bb = factor + a * (by_a + 2 * p2), factor + b * (by_b + 2 * p1)
        return aa, mixed, mixed, bb


def _radial(coefficients: Tensor, squared: Tensor) -> tuple[Tensor, Tensor]:
    """By what the lens lengthens a bearing, and the derivative of that by r^2.

    Args:
        coefficients: (D, ...).
        squared: r^2.
    """
    k1, k2, _, _, *others = coefficients
    above, above_slope = _polynomial([k1, k2, *others[:1]], squared)
    if len(others) < 2:
        return above, above_slope
    below, below_slope = _polynomial(others[1:], squared)
    ratio = above / below
    return ratio, (above_slope - ratio * below_slope) / below


def _polynomial(coefficients: Sequence[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """1 + c1 x + c2 x^2 + ... and its derivative, by Horner's rule."""
    *rest, last = coefficients
    value, slope = last + torch.zeros_like(x), torch.zeros_like(x)
    for coefficient in reversed([torch.ones_like(last), *rest]):
        slope = torch.addcmul(value, slope, x)
        value = torch.addcmul(coefficient, value, x)
    return value, slope


@torch.no_grad()
def _largest_radius(distortion: Tensor) -> Tensor:
    """(B,) radius up to which r * radial(r^2) grows, of coefficients (B, D)."""
    first, last, count = SEARCHED_RADII
    steps = torch.linspace(0, 1, count, dtype=distortion.dtype, device=distortion.device)
    radii = first * (last / first) ** steps
    squared = radii.square()[:, None]
    radial, slope = _radial(distortion.mT, squared)
    grows = (radial > 0) & (radial + 2 * squared * slope > 0)
    length = grows.cumprod(0).sum(0)
    radius = radii[(length - 1).clamp(min=0)]
    return torch.where(length == count, NO_LIMIT, radius)
