"""The weighted perspective-n-point problem: cost, residuals and linearisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .camera import PerspectiveCamera
from .cost import RobustCost
from .pose import pose_type_of
from .tensor_batch import TensorBatch, check_shape, full_precision, keep_objects


class NormalEquations(NamedTuple):
    """The quadratic model of a cost: cost + gradient . d + d . hessian d / 2 for a step d.

    Attributes:
        cost: (B,).
        gradient: J^T f, (B, dof).
        hessian: J^T J, (B, dof, dof), of the robust-scaled residual f and Jacobian J.
    """

    cost: Tensor
    gradient: Tensor
    hessian: Tensor


@dataclass(frozen=True, eq=False)
class PnPProblem(TensorBatch):
    """Correspondences of B objects with N points each (EPro-PnP, arXiv 2203.13254, section 3).

    The residual of a point is w2d * (project(R x3d + t) - x2d); the cost of a pose is the sum of
    the robust cost of its norm over the points. Nothing here raises on data; only shapes, dtypes
    and devices are checked.

    Attributes:
        x3d: points in the object frame (B, N, 3), metres.
        x2d: their pixels (B, N, 2).
        w2d: their weights (B, N, 2), not negative, per pixel; None is replaced by ones.
        camera: one camera an object.
        robust_cost: one robust cost an object.

    Raises:
        ValueError: if a shape, dtype or device does not fit.
    """

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor | None
    camera: PerspectiveCamera
    robust_cost: RobustCost

    def __post_init__(self) -> None:
        if self.w2d is None:
            object.__setattr__(self, "w2d", torch.ones_like(self.x2d))
        check_shape("x3d", self.x3d, ("B", "N", 3))
        batch, num_points, _ = self.x3d.shape
        check_shape("x2d", self.x2d, (batch, num_points, 2))
        check_shape("w2d", self.w2d, (batch, num_points, 2))
        check_shape("cam_mats", self.camera.cam_mats, (batch, 3, 3))
        if self.x3d.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"x3d has dtype {self.x3d.dtype}; the layer needs float32 or float64, so cast the "
                "correspondences, for example with .float()."
            )
        others = {"x2d": self.x2d, "w2d": self.w2d, "cam_mats": self.camera.cam_mats}
        if isinstance(self.robust_cost.delta, Tensor):
            check_shape("delta", self.robust_cost.delta, (batch,))
            others["delta"] = self.robust_cost.delta
        for name, tensor in others.items():
            for attribute in ("dtype", "device"):
                have, want = getattr(tensor, attribute), getattr(self.x3d, attribute)
                if have != want:
                    raise ValueError(f"{name} has {attribute} {have}, but x3d has {want}.")

    def __len__(self) -> int:
        return len(self.x3d)

    @property
    def device(self) -> torch.device:
        return self.x3d.device

    @property
    def num_points(self) -> int:
        return self.x3d.shape[1]

    def usable(self) -> Tensor:
        """(B,) bool: whether all of an object's numbers are finite and its delta is positive."""
        finite = [tensor.isfinite().flatten(1).all(-1) for tensor in (self.x3d, self.x2d, self.w2d)]
        return finite[0] & finite[1] & finite[2] & self.camera.usable() & self.robust_cost.usable()

    def masked(self, keep: Tensor) -> PnPProblem:
        """Put a harmless object of cost zero in place of those that are not to be kept.

        Args:
            keep: (B,) bool.
        """
        x3d, x2d, w2d = (keep_objects(t, keep) for t in (self.x3d, self.x2d, self.w2d))
        return PnPProblem(x3d, x2d, w2d, self.camera.masked(keep), self.robust_cost.masked(keep))

    def centred(self) -> tuple[PnPProblem, Tensor]:
        """Move the objects' origins to the means of their points, without gradient.

        Returns:
            The problem, and the means (B, 3) in metres. A pose [t, R] of this problem is
            [t + R mean, R] of the centred one.
        """
        mean = self.x3d.detach().sum(1) / max(self.num_points, 1)
        moved = self.x3d - mean[:, None]
        return PnPProblem(moved, self.x2d, self.w2d, self.camera, self.robust_cost), mean

    def residuals(self, pose: Tensor) -> Tensor:
        """Weighted reprojection errors, not robust-scaled.

        Args:
            pose: (..., B, P); the leading dimensions are samples.

        Returns:
            (..., B, N, 2), without unit.
        """
        pixels = self.camera.project(self._rotate(pose) + pose[..., None, :3])
        return self._weighted_error(pixels).mT

    def cost(self, pose: Tensor) -> Tensor:
        """Sum of the robust cost over the points: (..., B, P) -> (..., B), differentiable."""
        u, v = self.residuals(pose).unbind(-1)
        return self.robust_cost.rho(u * u + v * v).sum(-1)

    def linearize(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Residual and Jacobian for least squares, robust-scaled.

        Args:
            pose: (B, P).

        Returns:
            Residual (B, 2N), u and v of each point in turn, and its Jacobian by a step in the
            tangent space, (B, 2N, dof).

        Raises:
            ValueError: if ``pose`` has another shape.
        """
        residual, jacobian, squared_norm = self._linear_terms(pose)
        scale = self.robust_cost.weight(squared_norm).sqrt()[:, None]
        return (
            (residual * scale).mT.flatten(1),
            (jacobian * scale[:, None]).permute(0, 3, 2, 1).flatten(1, 2),
        )

    @full_precision
    def normal_equations(self, pose: Tensor) -> NormalEquations:
        """Quadratic model of the cost at poses (B, P).

        Raises:
            ValueError: if ``pose`` has another shape.
        """
        residual, jacobian, squared_norm = self._linear_terms(pose)
        weight = self.robust_cost.weight(squared_norm)[:, None, None]
        weighted = (weight * jacobian).flatten(2)
        return NormalEquations(
            self.robust_cost.rho(squared_norm).sum(-1),
            (weighted @ residual.flatten(1)[..., None])[..., 0],
            weighted @ jacobian.flatten(2).mT,
        )

    # The longest dimension, points, comes last inside: small inner dimensions are slow.

    def _rotate(self, pose: Tensor) -> Tensor:
        return pose_type_of(pose).rotate(pose, self.x3d)

    def _weighted_error(self, pixels: Tensor) -> Tensor:
        """(..., B, N, 2) -> (..., B, 2, N)."""
        return self.w2d.mT.contiguous() * (pixels.mT - self.x2d.mT.contiguous())

    def _linear_terms(self, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Residual (B, 2, N), Jacobian (B, dof, 2, N), squared norm (B, N), not robust-scaled."""
        kind = pose_type_of(pose)
        check_shape("pose", pose, (len(self), kind.dim))
        rotated = self._rotate(pose)
        pixels, by_point = self.camera.project_with_jacobian(rotated + pose[..., None, :3])
        by_point = by_point.permute(0, 3, 2, 1)
        by_rotation = [
            (by_point * tangent.mT[:, :, None]).sum(1, keepdim=True)
            for tangent in kind.rotation_tangents(rotated)
        ]
        jacobian = torch.cat((by_point, *by_rotation), dim=1) * self.w2d.mT[:, None]
        residual = self._weighted_error(pixels)
        return residual, jacobian, residual.square().sum(1)
