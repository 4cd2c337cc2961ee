"""The tables that nuScenes and MAN TruckScenes have each in its own way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .plan import LOG_NAME, Scene, token

Table = list[dict]
MAP_FILE = "maps/blank.png"
_SHARES = ("v0-40", "v40-60", "v60-80", "v80-100")  # of visibility, by level from 1 on
_TAGS = (
    "weather.clear;area.city;daytime.noon;season.summer;lighting.illuminated;structure.regular;"
    "construction.unchanged"
)
_NUSCENES = "nuscenes"


def visibility_token(dataset: str, level: int) -> str:
    """Token of a level of visibility, 1 to 4; of nuScenes the level itself."""
    return str(level) if dataset == _NUSCENES else token("visibility", level)


def scene_words(dataset: str, seed: int) -> dict[str, str]:
    """``log_token`` and ``description`` of a scene."""
    if dataset == _NUSCENES:
        return {
            "log_token": token(seed, "log"),
            "description": "synthetic: traffic on a straight street",
        }
    return {"log_token": "", "description": _TAGS}


def own_tables(dataset: str, seed: int, scenes: Sequence[Scene]) -> dict[str, Table]:
    """The tables by name.

    Args:
        dataset: package of the devkit.
        seed: tokens differ between seeds.
        scenes: the planned scenes.
    """
    visibility = [
        {
            "token": visibility_token(dataset, level),
            "level": share if dataset == _NUSCENES else level,
            "description": "" if dataset == _NUSCENES else share,
        }
        for level, share in enumerate(_SHARES, 1)
    ]
    rest = _logs(seed) if dataset == _NUSCENES else _motions(seed, scenes)
    return {"visibility": visibility, **rest}


def _logs(seed: int) -> dict[str, Table]:
    log = token(seed, "log")
    return {
        "log": [
            {
                "token": log,
                "logfile": LOG_NAME,
                "vehicle": "simulated",
                "date_captured": "2020-09-13",
                "location": "synthetic",
            }
        ],
        "map": [
            {
                "token": token(seed, "map"),
                "category": "semantic_prior",
                "filename": MAP_FILE,
                "log_tokens": [log],
            }
        ],
    }


def _motions(seed: int, scenes: Sequence[Scene]) -> dict[str, Table]:
    """Motion of chassis and cabin, which move as one, in the vehicle's own frame; no weather."""
    rows = [
        {"timestamp": keyframe.timestamp_us, **_motion(scene, keyframe.time())}
        for scene in scenes
        for keyframe in scene.keyframes
    ]
    motions = {
        name: [{"token": token(seed, name, row["timestamp"]), **row} for row in rows]
        for name in ("ego_motion_cabin", "ego_motion_chassis")
    }
    return {**motions, "weather_annotation": []}


def _motion(scene: Scene, time: float, step: float = 1e-3) -> dict[str, float]:
    """Velocity, acceleration and turn rate at a time, from three poses close to each other."""
    before, now, after = (scene.world.ego.pose(time + i * step) for i in (-1, 0, 1))
    to_vehicle = now[:3, :3].T
    positions = [to_vehicle @ pose[:3, 3] for pose in (before, now, after)]
    yaws = [float(np.arctan2(pose[1, 0], pose[0, 0])) for pose in (before, now, after)]
    speed = (positions[2] - positions[0]) / (2 * step)
    acceleration = (positions[2] - 2 * positions[1] + positions[0]) / step**2
    return {
        **dict(zip(("vx", "vy", "vz"), speed.tolist(), strict=True)),
        **dict(zip(("ax", "ay", "az"), acceleration.tolist(), strict=True)),
        **{"yaw": yaws[1], "pitch": 0.0, "roll": 0.0},
        **{"yaw_rate": float(np.unwrap(yaws)[2] - np.unwrap(yaws)[0]) / (2 * step)},
        **{"pitch_rate": 0.0, "roll_rate": 0.0},
    }
