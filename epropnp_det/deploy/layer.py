"""The exported PnP layer."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import UserError
from .description import LayerDescription, from_metadata
from .runtimes import open_file


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


class DeployedLayer:
    """Poses of weighted correspondences.

    Args:
        path: a file of tools/export_layer.py.
        runtime, threads: see :func:`epropnp_det.deploy.runtimes.open_file`.

    Attributes:
        description: what the file tells of itself.

    Raises:
        UserError: the file or the runtime is missing, or does not fit.
    """

    def __init__(
        self, path: str | Path, runtime: str | None = None, threads: int | None = None
    ) -> None:
        self._run = open_file(path, runtime, threads)
        self.description: LayerDescription = from_metadata(
            self._run.metadata, str(path), LayerDescription
        )

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
