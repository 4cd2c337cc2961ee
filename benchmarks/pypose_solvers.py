"""PyPose's EPnP and Levenberg-Marquardt, where it is installed (pip install pypose)."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec

import numpy as np
import torch
from poses import pose_of
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from epropnp_det.pnp import PnPProblem

PYPOSE_INSTALLED = find_spec("pypose") is not None

if PYPOSE_INSTALLED:
    import pypose as pp

NO_POSE = (np.nan, np.nan, np.nan, 0, 0, 0, 1)
"""In place of what is not finite: rotations in scipy have to be some."""


class _Reprojection(nn.Module):
    """Reprojection errors of one object as a function of its pose."""

    def __init__(self, pose: pp.LieTensor) -> None:
        super().__init__()
        self.pose = pp.Parameter(pose)

    def forward(self, x3d: Tensor, x2d: Tensor, cam_mat: Tensor) -> Tensor:
        return pp.reprojerr(x3d, x2d, cam_mat, self.pose, reduction="none")


def solve_pypose(problem: PnPProblem, dof: int, num_iter: int = 0) -> Tensor:
    """Poses (B, P) by EPnP, and by Levenberg-Marquardt from there.

    EPnP takes all objects at once. PyPose's optimizer takes one: on a batch it would make the
    Jacobian of all residuals by all poses, which is dense. Without weights; of the 6 DoF that it
    finds, 4 are kept at the end. An object for which it finds no pose gets one that is not finite.

    Args:
        problem: B objects.
        dof: 4 or 6.
        num_iter: Levenberg-Marquardt iterations.
    """
    x3d, x2d, cam_mats = problem.x3d.detach(), problem.x2d.detach(), problem.camera.cam_mats
    with torch.no_grad():
        poses = pp.module.EPnP()(x3d, x2d, cam_mats)
    if num_iter > 0:
        objects = zip(poses, x3d, x2d, cam_mats, strict=True)
        poses = torch.stack([_refine(*single, num_iter) for single in objects])
    numbers = poses.tensor().detach().double().cpu().numpy()
    numbers[~np.isfinite(numbers).all(1)] = NO_POSE
    return pose_of(numbers[:, :3], Rotation.from_quat(numbers[:, 3:]), dof).to(x3d)


def _refine(
    pose: pp.LieTensor, x3d: Tensor, x2d: Tensor, cam_mat: Tensor, num_iter: int
) -> pp.LieTensor:
    model = _Reprojection(pose)
    optimizer = pp.optim.LM(model, strategy=pp.optim.strategy.TrustRegion())
    # A step that fails is skipped, but printed; where a derivative is not finite, PyPose raises.
    with contextlib.redirect_stdout(None), contextlib.suppress(AssertionError):
        for _ in range(num_iter):
            optimizer.step((x3d, x2d, cam_mat))
    return model.pose.detach()
