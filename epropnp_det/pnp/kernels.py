"""The layer's inner loops: cost, its gradient and the normal equations of many objects.

Written once, on the planes of ``layout.py``; run as they are or compiled (``backend.py``).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from . import newer_torch
from .camera import Image, PerspectiveCamera
from .cost import RobustCost
from .layout import Layout
from .pose import PoseType, pose_type_of


class PackedProblem(NamedTuple):
    """A ``PnPProblem`` in the layer's layout.

    Attributes:
        points: (7, C, N, L), as of ``point_planes``.
        camera: packed.
        robust_cost: packed.
    """

    points: Tensor
    camera: PerspectiveCamera
    robust_cost: RobustCost

    @property
    def x3d(self) -> Tensor:
        """(3, C, N, L), metres."""
        return self.points[:3]

    @property
    def x2d(self) -> Tensor:
        """(2, C, N, L), pixels."""
        return self.points[3:5]

    @property
    def w2d(self) -> Tensor:
        """(2, C, N, L)."""
        return self.points[5:]

    @property
    def grid(self) -> tuple[int, int]:
        """C and L, padding included."""
        return self.points.shape[1], self.points.shape[3]

    def repeated(self, copies: int, layout: Layout) -> PackedProblem:
        """As many copies one after the other, which are packed in this layout."""
        if copies == 1:
            return self
        return PackedProblem(
            layout.repeated(self.points, copies),
            self.camera.repeated(copies, layout),
            self.robust_cost.repeated(copies, layout),
        )

    def in_all_lanes(self) -> PackedProblem:
        """With what belongs to an object repeated where it has a single lane."""
        lanes = self.points.shape[3]
        return PackedProblem(
            self.points, self.camera.in_lanes(lanes), self.robust_cost.in_lanes(lanes)
        )

    def rows(self, rows: slice) -> PackedProblem:
        """Some of the rows."""
        return PackedProblem(
            self.points[:, rows], self.camera.rows(rows), self.robust_cost.rows(rows)
        )


def point_planes(x3d: Tensor, x2d: Tensor, w2d: Tensor) -> Tensor:
    """Correspondences (B, N, 3), (B, N, 2), (B, N, 2) one number after the other: (7, B, N)."""
    return torch.cat([numbers.permute(2, 0, 1) for numbers in (x3d, x2d, w2d)])


class QuadraticModel(NamedTuple):
    """The model cost + gradient . d + d . hessian d / 2 of a cost, for a step d.

    Attributes:
        cost: (...), one number an object.
        gradient: J^T f, (dof, ...).
        hessian: lower triangle of J^T J, row by row, (dof (dof + 1) / 2, ...), of the robust-scaled
            residual f and Jacobian J.
    """

    cost: Tensor
    gradient: Tensor
    hessian: Tensor

    def entry(self, row: int, column: int) -> Tensor:
        """(...): an entry of the lower triangle."""
        return self.hessian[row * (row + 1) // 2 + column]

    def diagonal(self) -> Tensor:
        """(dof, ...)."""
        return torch.stack([self.entry(i, i) for i in range(len(self.gradient))])

    def matrix(self) -> Tensor:
        """The whole symmetric matrix, (..., dof, dof)."""
        size = range(len(self.gradient))
        rows = [torch.stack([self.entry(max(i, j), min(i, j)) for j in size], -1) for i in size]
        return torch.stack(rows, -2)

    def objects(self, index: Tensor) -> QuadraticModel:
        """Of some of the objects (C, L), counted row by row: (..., B)."""
        return QuadraticModel(*(part.flatten(-2)[..., index] for part in self))


class CostGradient(NamedTuple):
    """Gradient of a weighted sum of the costs of several poses, objects in rows.

    Attributes:
        x3d: (3, B, N).
        x2d: (2, B, N).
        w2d: (2, B, N).
        delta: (B,).
    """

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor
    delta: Tensor


def stored(tensor: Tensor) -> Tensor:
    """The same numbers, which a compiler has to write down.

    What is computed per pose and then read per point it would compute again for each point; and
    what many terms begin with it would go through once for each of them.
    """
    if not newer_torch.is_compiling():
        return tensor
    return tensor.as_strided(tensor.shape, tensor.stride())


def pack_transform(pose: Tensor, along: int = 0) -> Tensor:
    """Rotations and translations: (C, L, P) -> (3, 4, C, 1, L).

    Args:
        pose: of objects.
        along: 0 for a plane of memory for each of the twelve numbers, as loops over lanes like it;
            -1 for those of a pose side by side, which are constants of a loop over points.
    """
    rows = pose_type_of(pose).rotation_rows(pose)
    entries = [entry for i, row in enumerate(rows) for entry in (*row, pose[..., i])]
    numbers = stored(torch.stack(entries, along)).movedim(along, 0)
    return numbers.unflatten(0, (3, 4)).unsqueeze(-2)


def cost(kind: PoseType, problem: PackedProblem, transform: Tensor) -> Tensor:
    """Robust cost of transforms (3, 4, C, 1, L) -> (C, L)."""
    pixels = problem.camera.image(_camera_points(kind, problem, transform))
    _, error = _weighted_error(problem, pixels)
    return problem.robust_cost.rho(_squared_norm(error)).sum(-2)


def cost_gradient(
    kind: PoseType, problem: PackedProblem, transform: Tensor, upstream: Tensor
) -> CostGradient:
    """Gradient of the sum over K poses of ``upstream`` times their cost, derived by hand.

    Args:
        kind: pose type.
        problem: B objects in rows.
        transform: (3, 4, B, 1, K).
        upstream: (B, 1, K).
    """
    image = problem.camera.image_with_jacobian(_camera_points(kind, problem, transform))
    offset, error = _weighted_error(problem, image.pixels)
    squared_norm = _squared_norm(error)
    weight = upstream * problem.robust_cost.weight(squared_norm)
    by_error = [weight * e for e in error]
    by_pixel = [w * g for w, g in zip(problem.w2d, by_error, strict=True)]
    by_point = [
        by_pixel[0] * by_u + by_pixel[1] * by_v for by_u, by_v in zip(*image.rows, strict=True)
    ]
    by_w2d = [(g * o).sum(-1) for g, o in zip(by_error, offset, strict=True)]
    by_delta = (upstream * problem.robust_cost.delta_gradient(squared_norm)).sum(-1)
    return CostGradient(
        _by_x3d(kind, problem, transform, by_point),
        torch.stack([-g.sum(-1) for g in by_pixel]),
        torch.stack(by_w2d),
        by_delta.sum(-1),
    )


def quadratic_model(kind: PoseType, problem: PackedProblem, transform: Tensor) -> QuadraticModel:
    """Cost, J^T f and J^T J: (3, 4, C, 1, L) -> a model of (C, L) objects.

    The Jacobian is never put together: each entry of the normal matrix is summed on its own, which
    a compiler turns into one pass over the points.
    """
    (u, v), (by_u, by_v), squared_norm = linear_terms(kind, problem, transform)
    weight = problem.robust_cost.weight(squared_norm)
    gradient, hessian = [], []
    for i in range(kind.dof):
        weighted_u, weighted_v = weight * by_u[i], weight * by_v[i]
        gradient.append((weighted_u * u + weighted_v * v).sum(-2))
        hessian += [(weighted_u * by_u[j] + weighted_v * by_v[j]).sum(-2) for j in range(i + 1)]
    total = problem.robust_cost.rho(squared_norm).sum(-2)
    return QuadraticModel(total, torch.stack(gradient), torch.stack(hessian))


def linear_terms(
    kind: PoseType, problem: PackedProblem, transform: Tensor
) -> tuple[list[Tensor], list[list[Tensor]], Tensor]:
    """Weighted errors and their derivatives by a step, not robust-scaled.

    Arguments as for ``quadratic_model``.

    Returns:
        Of u and v: planes (C, N, L), and dof planes each; and the errors' squared norm.
    """
    # Every term begins with them, and a compiler works through each term on its own.
    rotated = [stored(plane) for plane in kind.rotated(transform[:, :3], problem.x3d)]
    image: Image = problem.camera.image_with_jacobian(_moved(rotated, transform))
    _, error = _weighted_error(problem, image.pixels)
    rows = []
    for w2d, row in zip(problem.w2d, image.rows, strict=True):
        row = [w2d * entry for entry in row]
        rows.append(row + kind.rotation_gradient(row, rotated))
    return error, rows, _squared_norm(error)


def _camera_points(kind: PoseType, problem: PackedProblem, transform: Tensor) -> list[Tensor]:
    """R x3d + t as three planes."""
    if _in_one_loop(problem):
        return _moved(kind.rotated(transform[:, :3], problem.x3d), transform)
    x3d = problem.x3d.squeeze(-1)
    x3d = torch.cat((x3d, torch.ones_like(x3d[:1]))).permute(1, 2, 0)
    return [torch.bmm(x3d, row.squeeze(-2).transpose(0, 1)) for row in transform]


def _by_x3d(
    kind: PoseType, problem: PackedProblem, transform: Tensor, by_point: list[Tensor]
) -> Tensor:
    """Sum over poses of R^T times the derivatives by R x3d + t: (3, B, N)."""
    if _in_one_loop(problem):
        inverse = transform[:, :3].transpose(0, 1)
        return torch.stack([plane.sum(-1) for plane in kind.rotated(inverse, by_point)])
    pairs = zip(by_point, transform, strict=True)
    return sum(plane @ row[:3, :, 0].permute(1, 2, 0) for plane, row in pairs).permute(2, 0, 1)


def _in_one_loop(problem: PackedProblem) -> bool:
    """Whether products with rotations belong into the loop over points, as a compiler likes it.

    On their own a CPU is several times as fast at products of matrices, which it takes many poses
    of one object to make. A GPU might round their factors to ten bits (TF32).
    """
    many_poses = problem.x3d.shape[-1] == 1
    return newer_torch.is_compiling() or not many_poses or not problem.x3d.is_cpu


def _moved(rotated: list[Tensor], transform: Tensor) -> list[Tensor]:
    """R x3d + t as three planes."""
    return [plane + transform[i, 3] for i, plane in enumerate(rotated)]


def _weighted_error(
    problem: PackedProblem, pixels: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Of u and v: the error in pixels, and weighted."""
    offset = [p - x for p, x in zip(pixels, problem.x2d, strict=True)]
    return offset, [w * o for w, o in zip(problem.w2d, offset, strict=True)]


def _squared_norm(error: list[Tensor]) -> Tensor:
    return error[0] * error[0] + error[1] * error[1]
