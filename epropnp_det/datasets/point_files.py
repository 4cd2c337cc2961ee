"""Files of LiDAR points: nuScenes' bare floats, and point clouds of the PCD format."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np

from ..errors import UserError
from .nuscenes_names import LIDAR_FEATURES

# A header has ten lines or so; a comment can be long.
_HEADER = 4096


def is_point_cloud(path: str | Path) -> bool:
    """Whether a file is of the PCD format, by its name; nuScenes' own end with ``.pcd.bin``."""
    return str(path).endswith(".pcd")


def read_points(content: bytes, path: str | Path, features: int = LIDAR_FEATURES) -> np.ndarray:
    """Positions (N, 3) float32 of the points of a file, metres.

    Args:
        content: of the file.
        path: its name.
        features: floats stored for a point, where it is no PCD file.

    Raises:
        UserError: the package that reads PCD files is not installed.
        ValueError: the content is something else.
    """
    if not is_point_cloud(path):
        return np.frombuffer(content, np.float32).reshape(-1, features)[:, :3]
    try:
        from pypcd4 import PointCloud
    except ModuleNotFoundError as error:
        raise UserError(f"{path} needs a reader of PCD files: run `pip install pypcd4`.") from error
    return PointCloud.from_fileobj(BytesIO(content)).numpy(("x", "y", "z")).astype(np.float32)


def check_points(path: Path) -> None:
    """Look at a file of points without reading them all.

    Raises:
        UserError: it holds no whole points, or its header tells of more than there are.
    """
    size = path.stat().st_size
    if is_point_cloud(path):
        _check_point_cloud(path, size)
    elif size % (LIDAR_FEATURES * np.float32().itemsize):
        raise UserError(
            f"{path} does not hold whole points of {LIDAR_FEATURES} floats: download it again"
        )


def _check_point_cloud(path: Path, size: int) -> None:
    with path.open("rb") as file:
        head, mark, rest = file.read(_HEADER).partition(b"\nDATA ")
    header = {
        name: values
        for name, *values in (line.split() for line in head.decode("latin1").splitlines() if line)
    }
    lacking = {"FIELDS", "SIZE", "COUNT", "POINTS"} - header.keys()
    if not mark or lacking or not {"x", "y", "z"} <= set(header["FIELDS"]):
        raise UserError(f"{path} is no PCD file of points with x, y and z: download it again")
    encoding, end, _ = rest.partition(b"\n")
    start = sum(map(len, (head, mark, encoding, end)))
    if encoding.strip() == b"binary" and size - start < _bytes(header):
        raise UserError(f"{path} is cut short: download it again")


def _bytes(header: Mapping[str, list[str]]) -> int:
    """Bytes that all points take up."""
    (points,) = map(int, header["POINTS"])
    widths = zip(header["SIZE"], header["COUNT"], strict=True)
    return points * sum(int(each) * int(count) for each, count in widths)
