"""The weighted perspective-n-point problem: cost, residuals and linearisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from . import kernels
from .camera import PerspectiveCamera
from .cost import CauchyCost, RobustCost
from .kernels import PackedProblem, QuadraticModel, point_planes
from .layout import OBJECT_ROWS, Layout
from .local_frame import LocalFrame, length_unit, mean_squared_size
from .planes import normals
from .pose import PoseType, pose_type_of, rotate
from .tensor_batch import TensorBatch, all_finite, check_shape, full_precision


class CentredObjects(NamedTuple):
    """Objects ready to be solved and sampled, without gradient: see ``PnPProblem.centred_objects``.

    With its origin amid its points an object turns without moving, so that translation and
    rotation are nearly independent, for the solver and for the sampler.

    Attributes:
        rows: packed with one object a row, with the objects' origins at the means of their points
            and lengths in units of their own, and all numbers finite.
        camera: of the same objects.
        robust_cost: of the same objects.
        usable: (B,) bool: the objects whose numbers were all finite.
        frame: where their origins are for the solver, and its units of length.
        normal: (B, 3) in which direction their points spread least.
    """

    rows: PackedProblem
    camera: PerspectiveCamera
    robust_cost: RobustCost
    usable: Tensor
    frame: LocalFrame
    normal: Tensor

    def pack(self, layout: Layout) -> PackedProblem:
        """The same objects in another layout."""
        return PackedProblem(
            layout.points(self.rows.points.squeeze(-1)),
            self.camera.packed(layout),
            self.robust_cost.packed(layout),
        )


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

    Example:
        >>> camera = PerspectiveCamera(torch.tensor([[[100.0, 0, 0], [0, 100, 0], [0, 0, 1]]]))
        >>> x3d = torch.tensor([[[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 1]]])
        >>> pose = torch.tensor([[0.0, 0, 10, 0]])
        >>> x2d = camera.project(x3d + pose[:, None, :3])
        >>> problem = PnPProblem(x3d, x2d, None, camera, HuberCost(1.0))
        >>> problem.cost(pose + torch.tensor([0.1, 0, 0, 0]))  # (3 * 1^2 + (10 / 11)^2) / 2
        tensor([1.9132])
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

    @classmethod
    def from_matches(
        cls, x3d: Tensor, x2d: Tensor, camera: PerspectiveCamera, noise: float
    ) -> PnPProblem:
        """Correspondences as a matcher or a detector of keypoints gives them, some of them wrong.

        All have the weight 1 / ``noise``, so that the covariance of a pose is that of the noise,
        and the cost of Cauchy, twice the noise wide: it hardly grows beyond, however far off a
        wrong match is. ``HuberCost.adaptive`` is for weights that were learnt with it, and does
        not stand wrong matches.

        Args:
            x3d: points in the object frame (B, N, 3), metres.
            x2d: their pixels (B, N, 2).
            camera: one camera an object.
            noise: standard deviation of the right ones, pixels.

        Raises:
            ValueError: if the noise is not positive, or as for the class.

        Example:
            >>> camera = PerspectiveCamera(torch.tensor([[[100.0, 0, 0], [0, 100, 0], [0, 0, 1]]]))
            >>> x3d, x2d = torch.rand(1, 20, 3), 100 * torch.rand(1, 20, 2)
            >>> PnPProblem.from_matches(x3d, x2d, camera, noise=2.0).w2d[0, 0]
            tensor([0.5000, 0.5000])
        """
        if not noise > 0:
            raise ValueError(f"noise is {noise}: give the deviation of right matches in pixels.")
        return cls(x3d, x2d, torch.full_like(x2d, 1 / noise), camera, CauchyCost(2.0))

    def __len__(self) -> int:
        return len(self.x3d)

    @property
    def device(self) -> torch.device:
        """Where the correspondences are."""
        return self.x3d.device

    @property
    def num_points(self) -> int:
        """N, points per object."""
        return self.x3d.shape[1]

    def usable(self) -> Tensor:
        """(B,) bool: whether all of an object's numbers are finite and its delta is positive."""
        usable = self.camera.usable() & self.robust_cost.usable()
        for numbers in (self.x3d, self.x2d, self.w2d):
            usable = usable & all_finite(numbers.flatten(1))
        return usable

    def pack(self, layout: Layout) -> PackedProblem:
        """The same numbers, laid out for computing."""
        return PackedProblem(
            layout.points(point_planes(self.x3d, self.x2d, self.w2d)),
            self._placed_camera().packed(layout),
            self.robust_cost.packed(layout),
        )

    def _placed_camera(self) -> PerspectiveCamera:
        """With a smallest depth for each object."""
        depth = self.camera.least_depth(mean_squared_size(self.x3d))
        return self.camera.with_depth(depth)

    def in_own_unit(self, centre: bool = True) -> tuple[PnPProblem, LocalFrame]:
        """The same objects as the solver wants them; the frame has no gradient.

        Args:
            centre: whether their origins move to the means of their points, which decouples
                rotation from translation.
        """
        squared_size = mean_squared_size(self.x3d)
        unit = length_unit(squared_size)
        mean = self.x3d.detach().sum(1) / max(self.num_points, 1)
        frame = LocalFrame(mean if centre else torch.zeros_like(mean), unit)
        points = (self.x3d - frame.origin[:, None]) * (1 / unit)[:, None, None]
        camera = self.camera.with_depth(self.camera.least_depth(squared_size) / unit)
        return PnPProblem(points, self.x2d, self.w2d, camera, self.robust_cost), frame

    @torch.no_grad()
    def centred_objects(self) -> CentredObjects:
        """Centre the objects and put harmless numbers in place of those that are not finite."""
        planes, count = point_planes(self.x3d, self.x2d, self.w2d), max(self.num_points, 1)
        mean = planes[:3].sum(-1) / count
        planes[:3] -= mean[..., None]
        usable = self.camera.usable() & self.robust_cost.usable() & all_finite(planes, (0, 2))
        # Zeros where not usable, at three times torch.where's speed.
        planes.nan_to_num_(0, posinf=0, neginf=0).mul_(usable[:, None])
        squared_size = planes[:3].square().sum((0, 2)) / count
        frame = LocalFrame(mean.mT, length_unit(squared_size)).kept(usable)
        planes[:3] *= (1 / frame.unit)[:, None]
        camera, robust_cost = (x.masked(usable) for x in (self.camera, self.robust_cost.detach()))
        camera = camera.with_depth(camera.least_depth(squared_size) / frame.unit)
        points = OBJECT_ROWS.points(planes)
        rows = PackedProblem(points, camera.packed(OBJECT_ROWS), robust_cost.packed(OBJECT_ROWS))
        normal = normals(planes[:3], planes[5:].mean(0))
        return CentredObjects(rows, camera, robust_cost, usable, frame, normal)

    def residuals(self, pose: Tensor) -> Tensor:
        """Weighted reprojection errors, not robust-scaled (EPro-PnP, arXiv 2203.13254, section 3).

        Args:
            pose: (..., B, P); the leading dimensions are samples.

        Returns:
            (..., B, N, 2), without unit.

        Raises:
            ValueError: if ``pose`` is of no pose type.
        """
        pixels = self._placed_camera().project(rotate(pose, self.x3d) + pose[..., None, :3])
        return self.w2d * (pixels - self.x2d)

    @full_precision
    def cost(self, pose: Tensor) -> Tensor:
        """Sum of the robust cost over the points (EPro-PnP, arXiv 2203.13254, section 3).

        Differentiable in everything.

        Args:
            pose: (..., B, P); the leading dimensions are samples.

        Returns:
            (..., B), without unit: the negative log-likelihood of the pose.

        Raises:
            ValueError: if ``pose`` is of no pose type.
        """
        kind, samples = pose_type_of(pose), pose[None].flatten(0, -3)
        check_shape("pose", samples, ("K", len(self), kind.dim))
        transform = kernels.pack_transform(samples.transpose(0, 1))
        total = kernels.cost(kind, self.pack(OBJECT_ROWS), transform)
        return total.mT.reshape(pose.shape[:-1])

    @full_precision
    def linearize(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Residual and Jacobian for least squares, both scaled by the root of the robust weight.

        Args:
            pose: (B, P).

        Returns:
            Residual (B, 2N), u and v of each point in turn, and its Jacobian by a step in the
            tangent space, (B, 2N, dof).

        Raises:
            ValueError: if ``pose`` has another shape.
        """
        kind, packed, transform = self._packed_at(pose)
        error, rows, squared_norm = kernels.linear_terms(kind, packed, transform)
        scale = packed.robust_cost.weight(squared_norm).sqrt()

        def interleaved(planes: list[Tensor]) -> Tensor:
            scaled = scale * torch.stack(planes)
            return Layout().unpack_points(scaled, len(self)).flatten(1)

        columns = [interleaved(list(pair)) for pair in zip(*rows, strict=True)]
        return interleaved(error), torch.stack(columns, dim=-1)

    @full_precision
    def normal_equations(self, pose: Tensor) -> NormalEquations:
        """Quadratic model of the cost at poses (B, P), differentiable.

        Raises:
            ValueError: if ``pose`` has another shape.
        """
        model = self.quadratic_model(pose)
        return NormalEquations(model.cost, model.gradient.mT, model.matrix())

    def quadratic_model(self, pose: Tensor) -> QuadraticModel:
        """``normal_equations`` in the solver's layout, objects last."""
        model = kernels.quadratic_model(*self._packed_at(pose))
        return QuadraticModel(*(part.squeeze(-2) for part in model))

    def _packed_at(self, pose: Tensor) -> tuple[PoseType, PackedProblem, Tensor]:
        kind = pose_type_of(pose)
        check_shape("pose", pose, (len(self), kind.dim))
        return kind, self.pack(Layout()), kernels.pack_transform(pose[None])
