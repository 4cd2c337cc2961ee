from collections.abc import Callable

import numpy as np
import pytest
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from epropnp_det.visualization import BoxSet

# Camera axes (x right, y down, z forward) of an object at yaw 0, which faces right, as columns: its
# forward, left and up.
AT_YAW_0 = Quaternion(matrix=np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))


@pytest.fixture(scope="session")
def camera_boxes() -> Callable[..., BoxSet]:
    """Function that makes boxes in a camera frame of (N, 7) x, y, z, l, h, w, yaw about y."""

    def make(rows, names, scores=None) -> BoxSet:
        boxes = [
            Box(
                [x, y, z],
                [width, length, height],
                Quaternion(axis=[0, 1, 0], radians=yaw) * AT_YAW_0,
            )
            for x, y, z, length, height, width, yaw in rows
        ]
        return BoxSet.from_devkit(boxes, names, scores)

    return make
