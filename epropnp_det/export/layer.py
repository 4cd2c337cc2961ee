"""The PnP layer as a graph: correspondences in, poses out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from epropnp_det.pnp import HuberCost, PerspectiveCamera, PnPProblem, RandomSampleSolver

from ..deploy import LayerDescription
from .fixed_search import FixedSearch
from .onnx_file import versions, write_onnx


class PoseGraph(nn.Module):
    """The layer's search and solver, with the cost that goes with learnt weights.

    Args:
        solver: whose settings count.
        relative_delta: of :meth:`HuberCost.adaptive`.
    """

    def __init__(self, solver: RandomSampleSolver, relative_delta: float = 0.5) -> None:
        super().__init__()
        self.solver = FixedSearch.like(solver)
        self.relative_delta = relative_delta

    def forward(
        self, x3d: Tensor, x2d: Tensor, w2d: Tensor, cam_mats: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Poses (B, P), covariances (B, dof, dof), and whether they mean anything, (B,) bool.

        Args:
            x3d: points in the object frame (B, N, 3), metres.
            x2d: their pixels (B, N, 2).
            w2d: their weights (B, N, 2).
            cam_mats: camera matrices (B, 3, 3), pixels.
        """
        cost = HuberCost.adaptive(x2d, w2d, self.relative_delta)
        result = self.solver(PnPProblem(x3d, x2d, w2d, PerspectiveCamera(cam_mats), cost))
        return result.pose, result.covariance, result.valid


def export_layer(path: str | Path, dof: int, num_points: int) -> None:
    """Write the layer for any number of objects.

    Args:
        path: the file.
        dof: degrees of freedom of the pose, 4 or 6.
        num_points: correspondences of an object.

    Raises:
        UserError: this PyTorch is older than the first whose exporter was tried.
    """
    batch, like = 4, torch.Generator().manual_seed(0)
    x3d, x2d, w2d = (torch.rand(batch, num_points, size, generator=like) for size in (3, 2, 2))
    cam_mats = torch.tensor([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]).repeat(batch, 1, 1)
    objects = torch.export.Dim("objects", min=0)
    inputs = dict(x3d=x3d, x2d=500 * x2d, w2d=w2d, cam_mats=cam_mats)
    write_onnx(
        path,
        PoseGraph(RandomSampleSolver(dof=dof)).eval(),
        inputs,
        ("pose", "covariance", "valid"),
        LayerDescription(dof, num_points, versions()),
        {name: {0: objects} for name in inputs},
    )
