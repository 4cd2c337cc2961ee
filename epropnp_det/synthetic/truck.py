"""Cameras and LiDAR of the simulated truck: names and arrangement are those of MAN TruckScenes.

Where they are and what they see is made up: two cameras to each side of the cabin, high above the
road, of which two look ahead and two back along the truck. Frames as in ``rig``.
"""

from .rig import Sensor

_SIZE = (1980, 943)
_SEEN = dict(focal=1085.0, centre=(985.0, 470.0), native_size=_SIZE)

LIDAR = Sensor("LIDAR_LEFT", (5.05, 1.33, 2.10), (0.7071, 0.0, 0.0, -0.7071), suffix="pcd")

CAMERAS = (
    Sensor(
        "CAMERA_LEFT_FRONT",
        (5.20, 1.10, 2.65),
        (0.5629, -0.5629, 0.428, -0.428),
        delay_us=-21_000,
        **_SEEN,
    ),
    Sensor(
        "CAMERA_RIGHT_FRONT",
        (5.20, -1.10, 2.65),
        (-0.428, 0.428, -0.5629, 0.5629),
        delay_us=-14_000,
        **_SEEN,
    ),
    Sensor(
        "CAMERA_LEFT_BACK",
        (4.90, 1.35, 2.55),
        (0.6409, -0.6409, -0.2988, 0.2988),
        delay_us=-7_000,
        **_SEEN,
    ),
    Sensor(
        "CAMERA_RIGHT_BACK",
        (4.90, -1.35, 2.55),
        (0.2988, -0.2988, -0.6409, 0.6409),
        delay_us=-2_000,
        **_SEEN,
    ),
)
