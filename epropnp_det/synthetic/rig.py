"""Cameras and LiDAR of the simulated car: the calibration of a real nuScenes vehicle.

Frames follow nuScenes. Ego: x forward, y left, z up, origin on the ground below the rear axle.
Camera: x right, y down, z forward. LiDAR: x right, y forward, z up. Metres and pixels; pixel column
i covers [i, i + 1).
"""

from dataclasses import dataclass, replace

import numpy as np
from nuscenes.utils.geometry_utils import transform_matrix
from pyquaternion import Quaternion

NATIVE_SIZE = (1600, 900)  # width, height


@dataclass(frozen=True)
class Sensor:
    """One sensor as it is mounted on the car.

    Attributes:
        channel: nuScenes channel name.
        translation: position in the ego frame, metres.
        rotation: unit quaternion (w, x, y, z), sensor to ego frame.
        delay_us: time of measurement after the LiDAR's, microseconds (cameras fire earlier).
        focal, centre: focal length and principal point (x, y) in native pixels; cameras only.
        native_size: (width, height) of the images to which these belong.
        suffix: of its files.
    """

    channel: str
    translation: tuple[float, float, float]
    rotation: tuple[float, float, float, float]
    delay_us: int = 0
    focal: float | None = None
    centre: tuple[float, float] | None = None
    native_size: tuple[int, int] = NATIVE_SIZE
    suffix: str = "jpg"

    @property
    def modality(self) -> str:
        return "lidar" if self.focal is None else "camera"

    @property
    def to_ego(self) -> np.ndarray:
        """Sensor to ego transform, (4, 4)."""
        return transform_matrix(self.translation, Quaternion(self.rotation))

    def mounted(self, height: float, pitch: float) -> "Sensor":
        """The sensor, a camera, moved up by ``height`` metres and turned down by ``pitch`` degrees.

        It turns about its own horizontal axis, so that what was in the middle moves up.
        """
        if height == pitch == 0:
            return self
        x, y, z = self.translation
        turned = Quaternion(self.rotation) * Quaternion(axis=(1, 0, 0), degrees=-pitch)
        return replace(self, translation=(x, y, z + height), rotation=tuple(turned.elements))

    def intrinsic(self, image_size: tuple[int, int]) -> np.ndarray:
        """Camera matrix (3, 3) for images of ``image_size`` = (width, height).

        The image is scaled by its width alone, so that pixels stay square; rows that another aspect
        ratio adds or removes are shared by top and bottom.
        """
        width, height = image_size
        scale = width / self.native_size[0]
        shift = (height - scale * self.native_size[1]) / 2
        focal, (cx, cy) = scale * self.focal, self.centre
        return np.array([[focal, 0, scale * cx], [0, focal, scale * cy + shift], [0, 0, 1]])


LIDAR = Sensor(
    "LIDAR_TOP",
    (0.9437, 0.0, 1.8402),
    (0.7078, -0.0065, 0.0106, -0.7063),
    suffix="pcd.bin",
)

CAMERAS = (
    Sensor(
        "CAM_FRONT",
        (1.7008, 0.0159, 1.5110),
        (0.4998, -0.5030, 0.4998, -0.4974),
        delay_us=-35_500,
        focal=1266.4,
        centre=(816.3, 491.5),
    ),
    Sensor(
        "CAM_FRONT_RIGHT",
        (1.5508, -0.4934, 1.4957),
        (0.2060, -0.2027, 0.6825, -0.6714),
        delay_us=-27_600,
        focal=1260.8,
        centre=(808.0, 495.3),
    ),
    Sensor(
        "CAM_FRONT_LEFT",
        (1.5239, 0.4946, 1.5093),
        (0.6757, -0.6736, 0.2121, -0.2112),
        delay_us=-43_100,
        focal=1272.6,
        centre=(826.6, 479.8),
    ),
    Sensor(
        "CAM_BACK",
        (0.0283, 0.0035, 1.5791),
        (0.5038, -0.4974, -0.4942, 0.5045),
        delay_us=-10_400,
        focal=809.2,
        centre=(829.2, 481.8),
    ),
    Sensor(
        "CAM_BACK_LEFT",
        (1.0357, 0.4848, 1.5910),
        (0.6924, -0.7032, -0.1165, 0.1120),
        delay_us=-500,
        focal=1256.7,
        centre=(792.1, 492.8),
    ),
    Sensor(
        "CAM_BACK_RIGHT",
        (1.0149, -0.4806, 1.5624),
        (0.1228, -0.1324, -0.7004, 0.6904),
        delay_us=-20_100,
        focal=1259.5,
        centre=(807.3, 501.2),
    ),
)

SENSORS = (LIDAR, *CAMERAS)
