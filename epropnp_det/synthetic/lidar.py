"""A 32-beam LiDAR sweep, as an instant snapshot without noise."""

from io import BytesIO

import numpy as np

from .raycast import Hits, cast
from .world import World

RINGS = 32
COLUMNS = 1084  # firings of the real sensor in one turn at 20 Hz
ELEVATION = np.deg2rad((-30.67, 10.67))
MAX_RANGE = 70.0
GROUND_INTENSITY = 20.0
BACKDROP_INTENSITY = 60.0


def beams() -> tuple[np.ndarray, np.ndarray]:
    """Unit beam directions in the LiDAR frame, (32 * 1084, 3), and their ring numbers."""
    ring, column = np.mgrid[:RINGS, :COLUMNS].reshape(2, -1)
    elevation = np.linspace(*ELEVATION, RINGS)[ring]
    azimuth = 2 * np.pi * column / COLUMNS
    directions = [
        np.cos(elevation) * np.cos(azimuth),
        np.cos(elevation) * np.sin(azimuth),
        np.sin(elevation),
    ]
    return np.stack(directions, -1), ring


def sweep(world: World, time: float, lidar_to_global: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of one sweep.

    Args:
        world: the scene, with B things.
        time: seconds in the scene.
        lidar_to_global: (4, 4).

    Returns:
        Points (P, 5) float32 in the LiDAR frame: x, y, z in metres, intensity 0..255, ring; and
        the number of points on each object, (B,).
    """
    directions, ring = beams()
    hits: Hits = cast(
        lidar_to_global[:3, 3],
        directions @ lidar_to_global[:3, :3].T,
        [thing.solid(time) for thing in world.things],
        [thing.solid(time) for thing in world.backdrop],
    )
    brightness = [255 * np.mean(thing.colour) for thing in world.things]
    # Negative labels count from the end.
    intensities = np.array([*brightness, BACKDROP_INTENSITY, 0.0, GROUND_INTENSITY])
    near = hits.distance <= MAX_RANGE
    index = hits.index[near]
    points = np.column_stack(
        [directions[near] * hits.distance[near, None], intensities[index], ring[near]]
    )
    counts = np.bincount(index[index >= 0], minlength=len(world.things))
    return points.astype(np.float32), counts


def sweep_file(points: np.ndarray, suffix: str) -> bytes:
    """Content of a file of points.

    Args:
        points: (P, 5) float32, as :func:`sweep` returns them.
        suffix: 'pcd' for the PCD format as MAN TruckScenes has it, with intensity and timestamp,
            which is 0 as all is measured at once; else nuScenes' bare floats.
    """
    if suffix != "pcd":
        return points.tobytes()
    # It comes with the devkit of the only dataset that needs it.
    from pypcd4 import PointCloud

    stamps = np.zeros(len(points), np.uint64)
    columns = [*points[:, :4].T, stamps]
    cloud = PointCloud.from_points(
        columns, ("x", "y", "z", "intensity", "timestamp"), (np.float32,) * 4 + (np.uint64,)
    )
    file = BytesIO()
    cloud.save(file)
    return file.getvalue()
