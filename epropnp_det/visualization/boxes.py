"""Sets of 3D boxes as they are drawn: corners, so that any orientation is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

# Camera axes of an object with yaw 0 as columns: its forward is right, its left is away, its up is
# against y.
_AT_YAW_0 = Quaternion(matrix=np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))


@dataclass(frozen=True)
class BoxSet:
    """N boxes in one frame.

    Attributes:
        corners: (N, 8, 3) metres; corners 0..3 are the front face, 2, 3, 6, 7 the bottom.
        names: N class names.
        scores: (N,) or None for ground truth.
    """

    corners: np.ndarray
    names: tuple[str, ...]
    scores: np.ndarray | None = None

    def __post_init__(self):
        if self.corners.shape != (len(self.names), 8, 3):
            raise ValueError(f"{len(self.names)} names for corners of shape {self.corners.shape}")
        if self.scores is not None and len(self.scores) != len(self.names):
            raise ValueError(f"{len(self.scores)} scores for {len(self.names)} boxes")

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def from_devkit(
        cls, boxes: Sequence[Box], names: Sequence[str], scores: np.ndarray | None = None
    ) -> BoxSet:
        """From boxes of the nuScenes devkit, in whatever frame they are.

        Args:
            boxes: N devkit boxes.
            names: N detection class names (a devkit box carries its category's name).
            scores: (N,) or None.
        """
        corners = np.array([box.corners().T for box in boxes]).reshape(-1, 8, 3)
        return cls(corners, tuple(names), scores)

    @classmethod
    def from_camera(
        cls, geometry: np.ndarray, names: Sequence[str], scores: np.ndarray | None = None
    ) -> BoxSet:
        """From the numbers of mmdet3d's camera boxes.

        Args:
            geometry: (N, 7) gravity centre x, y, z, size l, h, w, and yaw about the camera's y
                axis, camera frame, metres and radians.
            names: N class names.
            scores: (N,) or None.
        """
        boxes = [
            Box(
                [x, y, z],
                [width, length, height],
                Quaternion(axis=[0, 1, 0], radians=yaw) * _AT_YAW_0,
            )
            for x, y, z, length, height, width, yaw in np.asarray(geometry, dtype=float)
        ]
        return cls.from_devkit(boxes, names, scores)

    def transformed(self, transform: np.ndarray) -> BoxSet:
        """The same boxes after a rigid transform (4, 4)."""
        return replace(self, corners=self.corners @ transform[:3, :3].T + transform[:3, 3])
