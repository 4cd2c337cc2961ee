"""Sets of 3D boxes as they are drawn: corners, so that any orientation is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from nuscenes.utils.data_classes import Box

# Corner i of a unit box in an object frame x forward, y left, z up; the first four are the front.
_CORNERS = 0.5 * np.array(
    [
        [1, 1, 1],
        [1, -1, 1],
        [1, -1, -1],
        [1, 1, -1],
        [-1, 1, 1],
        [-1, -1, 1],
        [-1, -1, -1],
        [-1, 1, -1],
    ]
)
# Camera axes (x right, y down, z forward) of an object at yaw 0, which faces right: its forward,
# left and up.
_CAMERA_AXES = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])


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
    def from_camera(
        cls, boxes: np.ndarray, names: Sequence[str], scores: np.ndarray | None = None
    ) -> BoxSet:
        """From boxes in a camera frame (x right, y down, z forward).

        Args:
            boxes: (N, 7) x, y, z of the gravity centre, l, h, w, yaw about the camera's y axis:
                a box faces (cos yaw, 0, -sin yaw). Metres, radians.
            names: N class names.
            scores: (N,) or None.
        """
        boxes = np.asarray(boxes, dtype=float).reshape(-1, 7)
        cos, sin = np.cos(boxes[:, 6]), np.sin(boxes[:, 6])
        zero, one = np.zeros_like(cos), np.ones_like(cos)
        rows = [[cos, zero, sin], [zero, one, zero], [-sin, zero, cos]]
        rotation = np.stack([np.stack(row, -1) for row in rows], -2)
        local = (_CORNERS * boxes[:, None, [3, 5, 4]]) @ _CAMERA_AXES
        corners = np.einsum("nij,nkj->nki", rotation, local) + boxes[:, None, :3]
        return cls(corners, tuple(names), scores)

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

    def transformed(self, transform: np.ndarray) -> BoxSet:
        """The same boxes after a rigid transform (4, 4)."""
        return replace(self, corners=self.corners @ transform[:3, :3].T + transform[:3, 3])

    def __getitem__(self, chosen: np.ndarray) -> BoxSet:
        """The boxes at the given indices or where a mask holds."""
        chosen = np.arange(len(self))[chosen]
        return BoxSet(
            self.corners[chosen],
            tuple(self.names[i] for i in chosen),
            None if self.scores is None else self.scores[chosen],
        )
