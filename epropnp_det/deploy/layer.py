"""The exported PnP layer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import UserError
from .description import LayerDescription
from .exported_file import ExportedFile


class Poses(NamedTuple):
    """Poses of B objects.

    Attributes:
        pose: (B, P) translation in metres, and yaw in radians (4 DoF) or unit quaternion (6 DoF).
        covariance: (B, dof, dof), as of ``epropnp_det.pnp.LMResult``.
        valid: (B,) bool: whether they mean anything.
    """

    pose: np.ndarray
    covariance: np.ndarray
    valid: np.ndarray


class DeployedLayer(ExportedFile):
    """Poses of weighted correspondences.

    Its file is one of tools/export_layer.py; arguments as of
    :class:`~.exported_file.ExportedFile`.
    """

    kind = LayerDescription
    description: LayerDescription

    def __call__(
        self, x3d: np.ndarray, x2d: np.ndarray, w2d: np.ndarray, cam_mats: np.ndarray
    ) -> Poses:
        """Solve.

        Args:
            x3d: points in the object frame (B, N, 3), metres.
            x2d: their pixels (B, N, 2).
            w2d: their weights (B, N, 2).
            cam_mats: camera matrices (B, 3, 3), pixels.

        Raises:
            UserError: something is of another shape.
        """
        batch, count = len(x3d), self.description.num_points
        feeds = dict(x3d=x3d, x2d=x2d, w2d=w2d, cam_mats=cam_mats)
        shapes = dict(
            x3d=(batch, count, 3),
            x2d=(batch, count, 2),
            w2d=(batch, count, 2),
            cam_mats=(batch, 3, 3),
        )
        for name, shape in shapes.items():
            if np.shape(feeds[name]) != shape:
                raise UserError(f"{name} has the shape {np.shape(feeds[name])}: give {shape}.")
        found = self._run({name: np.asarray(x, dtype=np.float32) for name, x in feeds.items()})
        return Poses(found["pose"], found["covariance"], found["valid"].astype(bool))
