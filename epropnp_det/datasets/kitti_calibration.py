"""KITTI's calibration files: the camera, and the way to it from the LiDAR where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError
from .kitti_text import finite_numbers, numbered_words

# By the name of the object benchmark: the names in which files of KITTI's tracking, odometry and
# raw data and of converters have the same matrix, and its shape.
_MATRICES = {
    "P2": (("P2", "P_rect_02"), (3, 4)),
    "R0_rect": (("R0_rect", "R_rect", "R_rect_00"), (3, 3)),
    "Tr_velo_to_cam": (("Tr_velo_to_cam", "Tr_velo_cam", "Tr"), (3, 4)),
}


@dataclass(frozen=True)
class KittiCalibration:
    """What one file tells.

    Attributes:
        projection: (4, 4) P2, from the rectified frame of camera 0 to pixels of camera 2.
        rectification: (4, 4) R0_rect, None if the file has none.
        lidar2cam0: (4, 4) Tr_velo_to_cam, from the LiDAR to camera 0 before its rectification;
            None if the file has none.
    """

    projection: np.ndarray
    rectification: np.ndarray | None
    lidar2cam0: np.ndarray | None

    @property
    def lidar2cam(self) -> np.ndarray:
        """(4, 4) from the LiDAR to the rectified frame of camera 0.

        Without a LiDAR its frame is taken to be that one. Without a rectification the cameras are
        taken to be parallel.
        """
        if self.lidar2cam0 is None:
            return np.eye(4)
        if self.rectification is None:
            return self.lidar2cam0
        return self.rectification @ self.lidar2cam0


def read_calibration(path: Path) -> KittiCalibration:
    """Read a calibration file.

    Args:
        path: lines of a name, a colon (which tracking's files do not have everywhere) and numbers.

    Raises:
        UserError: the file is missing or is no text, has no P2, or a matrix does not have its
            number of finite values or is of no camera.
    """
    mend = f"unpack it, or take {path.stem} out of ImageSets"
    lines = {}
    for number, words in numbered_words(path, mend):
        # 'P2: 1 0', 'P2:1 0', 'P2 : 1 0' and 'P2 1 0'
        name, *values = " ".join(words).replace(":", " ", 1).split() or [""]
        lines[name] = number, values
    found = {}
    for name, (names, shape) in _MATRICES.items():
        written = next((each for each in names if each in lines), None)
        if written is not None:
            number, values = lines[written]
            found[name] = _matrix(values, shape, f"{path}, line {number}, matrix {written}")
    if "P2" not in found:
        raise UserError(
            f"{path} has no matrix P2, that of the camera: write into it 'P2:' and the 12 numbers "
            "of the (3, 4) matrix, row by row."
        )
    if np.linalg.matrix_rank(found["P2"][:3, :3]) < 3:
        raise UserError(
            f"{path}: matrix P2 is of no camera, as its first three columns have no inverse: "
            "write focal lengths and principal point into them."
        )
    return KittiCalibration(found["P2"], found.get("R0_rect"), found.get("Tr_velo_to_cam"))


def camera_offset(projection: np.ndarray) -> np.ndarray:
    """Where the rectified camera 0 lies in the frame of the camera of a projection matrix.

    The axes are parallel, so P = K [I | t] and x_camera = x_rectified + t.

    Args:
        projection: P, (3, 4) or (4, 4), pixels and pixels times metres.

    Returns:
        t (3,), metres.
    """
    projection = np.asarray(projection, dtype=np.float64)
    return np.linalg.solve(projection[:3, :3], projection[:3, 3])


def _matrix(words: list[str], shape: tuple[int, int], place: str) -> np.ndarray:
    """(4, 4), the values in the upper left corner of the identity."""
    rows, columns = shape
    if len(words) != rows * columns:
        raise UserError(
            f"{place} has {len(words)} values: write the {rows * columns} of a {shape} matrix, row "
            "by row."
        )
    square = np.eye(4)
    square[:rows, :columns] = np.reshape(finite_numbers(words, place), shape)
    return square
