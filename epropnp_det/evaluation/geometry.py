"""Boxes of a camera's frame in the global frame of nuScenes, with their full orientation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

# nuScenes box axes (x forward, y left, z up) in the axes that mmdet3d turns by yaw about the
# camera's Y axis (x forward, y down, z left): a quarter turn about x.
_QUARTER_TURN_X = Rotation.from_euler("x", np.pi / 2)


@dataclass(frozen=True)
class GlobalBoxes:
    """Boxes in the global frame, in the nuScenes convention (x forward, y left, z up), float64.

    Attributes:
        center: (N, 3) gravity centres, metres.
        size: (N, 3) width, length, height, metres.
        rotation: (N, 4) unit quaternions (w, x, y, z), box axes to global axes.
        velocity: (N, 2) velocity along global x and y, m/s.
    """

    center: np.ndarray
    size: np.ndarray
    rotation: np.ndarray
    velocity: np.ndarray

    def __len__(self) -> int:
        return len(self.center)

    def __getitem__(self, index: np.ndarray) -> GlobalBoxes:
        """Boxes at an index array or mask."""
        return GlobalBoxes(
            self.center[index], self.size[index], self.rotation[index], self.velocity[index]
        )

    def bev(self, origin: np.ndarray) -> np.ndarray:
        """Footprints on the ground plane, seen from above.

        Args:
            origin: (2,) or (3,) point that becomes the origin, global metres. Centres near it keep
                their digits, which global coordinates of some kilometres would cost.

        Returns:
            (N, 5) x, y, length, width (metres) and yaw (radians, from x towards y; the heading
            projected to the ground, as the devkit's `quaternion_yaw` has it).
        """
        heading = Rotation.from_quat(self.rotation, scalar_first=True).apply([1.0, 0.0, 0.0])
        heading = heading.reshape(-1, 3)
        yaw = np.arctan2(heading[:, 1], heading[:, 0])
        offset = self.center[:, :2] - origin[:2]
        return np.column_stack([offset, self.size[:, 1], self.size[:, 0], yaw])


def camera_boxes_to_global(boxes: np.ndarray, cam2global: np.ndarray) -> GlobalBoxes:
    """Move camera-frame boxes to the global frame.

    The whole rotation of the camera is applied, so that the pitch and roll of a tilted camera stay
    in the box; a detour over a single yaw angle would lose them.

    Args:
        boxes: (N, 9) as `CameraInstance3DBoxes` stores them, metres, radians, m/s: bottom centre
            x, y, z, size l, h, w, yaw about the camera's Y axis, velocity along camera x and z.
            The velocity along camera y is taken as zero.
        cam2global: (4, 4), or (N, 4, 4) one a box: camera to global at the image's own timestamp.

    Returns:
        The boxes in the global frame.
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    count = len(boxes)
    if count == 0:
        return GlobalBoxes(*(np.zeros((0, width)) for width in (3, 3, 4, 2)))
    pose = np.broadcast_to(np.asarray(cam2global, dtype=np.float64), (count, 4, 4))
    # Stock info files hold matrices rounded to float32: from_matrix makes them orthogonal again.
    rotation = Rotation.from_matrix(pose[:, :3, :3])

    length, height, width, yaw = boxes[:, 3:7].T
    center = boxes[:, :3] - np.outer(height / 2, [0.0, 1.0, 0.0])
    velocity = np.column_stack([boxes[:, 7], np.zeros(count), boxes[:, 8]])
    orientation = rotation * Rotation.from_euler("y", yaw[:, None]) * _QUARTER_TURN_X
    return GlobalBoxes(
        center=rotation.apply(center) + pose[:, :3, 3],
        size=np.column_stack([width, length, height]),
        rotation=orientation.as_quat(canonical=True, scalar_first=True),
        velocity=rotation.apply(velocity)[:, :2],
    )
