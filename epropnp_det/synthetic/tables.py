"""The thirteen tables of a nuScenes dataset, from the planned scenes and what sensors measured."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from nuscenes.eval.detection.constants import ATTRIBUTE_NAMES
from pyquaternion import Quaternion

from .plan import LOG_NAME, Keyframe, Scene, Settings, token
from .rig import SENSORS
from .world import Thing

CATEGORIES = {
    "car": "vehicle.car",
    "truck": "vehicle.truck",
    "trailer": "vehicle.trailer",
    "bus": "vehicle.bus.rigid",
    "construction_vehicle": "vehicle.construction",
    "bicycle": "vehicle.bicycle",
    "motorcycle": "vehicle.motorcycle",
    "pedestrian": "human.pedestrian.adult",
    "traffic_cone": "movable_object.trafficcone",
    "barrier": "movable_object.barrier",
}
# Attribute of a class when it moves and when it stands.
STATE_ATTRIBUTES = {
    "car": ("vehicle.moving", "vehicle.parked"),
    "truck": ("vehicle.moving", "vehicle.parked"),
    "trailer": ("vehicle.moving", "vehicle.parked"),
    "bus": ("vehicle.moving", "vehicle.parked"),
    "construction_vehicle": ("vehicle.moving", "vehicle.parked"),
    "bicycle": ("cycle.with_rider", "cycle.without_rider"),
    "motorcycle": ("cycle.with_rider", "cycle.without_rider"),
    "pedestrian": ("pedestrian.moving", "pedestrian.standing"),
}
VISIBILITY_LEVELS = {"1": "v0-40", "2": "v40-60", "3": "v60-80", "4": "v80-100"}
MAP_FILE = "maps/blank.png"


@dataclass(frozen=True)
class Measurement:
    """What one keyframe's sensors saw of the scene's B things, (B,) each.

    Attributes:
        lidar_points: points of the sweep on the thing.
        visible: pixels of the six images that show it.
        covered: pixels of the six images that would show it if nothing stood before it.
    """

    lidar_points: np.ndarray
    visible: np.ndarray
    covered: np.ndarray

    @property
    def annotated(self) -> np.ndarray:
        """Indices of the things that any sensor saw."""
        return np.flatnonzero((self.lidar_points > 0) | (self.visible > 0))

    def visibility(self, index: int) -> str:
        """Visibility token: the share of the thing's pixels that nothing else hides."""
        share = self.visible[index] / max(self.covered[index], 1)
        return str(1 + int(np.searchsorted([0.4, 0.6, 0.8], share, side="right")))


Table = list[dict]


def build_tables(
    settings: Settings, scenes: Sequence[Scene], measurements: Mapping[Keyframe, Measurement]
) -> dict[str, Table]:
    """All tables, by name, ready to be written as JSON.

    Args:
        settings: seed (tokens differ between seeds), image size, and whether there are annotations.
        scenes: the planned scenes.
        measurements: one entry for every keyframe.
    """
    seed = settings.seed
    log = token(seed, "log")
    tables: dict[str, Table] = defaultdict(list)
    tables["attribute"] = [_named(token("attribute", name), name) for name in ATTRIBUTE_NAMES]
    tables["category"] = [_named(token("category", name), name) for name in CATEGORIES.values()]
    tables["visibility"] = [
        {"token": key, "level": level, "description": ""}
        for key, level in VISIBILITY_LEVELS.items()
    ]
    tables["log"] = [
        {
            "token": log,
            "logfile": LOG_NAME,
            "vehicle": "simulated",
            "date_captured": "2020-09-13",
            "location": "synthetic",
        }
    ]
    tables["map"] = [
        {
            "token": token(seed, "map"),
            "category": "semantic_prior",
            "filename": MAP_FILE,
            "log_tokens": [log],
        }
    ]
    for sensor in SENSORS:
        tables["sensor"].append(
            {
                "token": token("sensor", sensor.channel),
                "channel": sensor.channel,
                "modality": sensor.modality,
            }
        )
        is_camera = sensor.modality == "camera"
        tables["calibrated_sensor"].append(
            {
                "token": token(seed, "calibration", sensor.channel),
                "sensor_token": token("sensor", sensor.channel),
                "translation": list(sensor.translation),
                "rotation": Quaternion(sensor.rotation).normalised.elements.tolist(),
                "camera_intrinsic": (
                    sensor.intrinsic(settings.image_size).tolist() if is_camera else []
                ),
            }
        )
    for scene in scenes:
        _add_scene(tables, settings, scene, log)
        if settings.annotated:
            _add_annotations(tables, seed, scene, measurements)
    return {"instance": [], "sample_annotation": [], **tables}


def _named(key: str, name: str) -> dict:
    return {"token": key, "name": name, "description": ""}


def _add_scene(tables: dict[str, Table], settings: Settings, scene: Scene, log: str) -> None:
    seed = settings.seed
    samples = [
        {
            "token": token(seed, "sample", scene.number, keyframe.index),
            "timestamp": keyframe.timestamp_us,
            "scene_token": token(seed, "scene", scene.number),
        }
        for keyframe in scene.keyframes
    ]
    tables["sample"] += _chain(samples)
    tables["scene"].append(
        {
            "token": token(seed, "scene", scene.number),
            "log_token": log,
            "nbr_samples": len(samples),
            "first_sample_token": samples[0]["token"],
            "last_sample_token": samples[-1]["token"],
            "name": scene.name,
            "description": "synthetic: traffic on a straight street",
        }
    )
    for sensor in SENSORS:
        width, height = settings.image_size if sensor.modality == "camera" else (0, 0)
        records = []
        for keyframe, sample in zip(scene.keyframes, samples, strict=True):
            pose = scene.world.ego.pose(keyframe.time(sensor))
            ego_token = token(seed, "ego_pose", scene.number, keyframe.index, sensor.channel)
            tables["ego_pose"].append(
                {
                    "token": ego_token,
                    "timestamp": keyframe.stamp(sensor),
                    "rotation": Quaternion(matrix=pose).elements.tolist(),
                    "translation": pose[:3, 3].tolist(),
                }
            )
            records.append(
                {
                    "token": token(seed, "data", scene.number, keyframe.index, sensor.channel),
                    "sample_token": sample["token"],
                    "ego_pose_token": ego_token,
                    "calibrated_sensor_token": token(seed, "calibration", sensor.channel),
                    "timestamp": keyframe.stamp(sensor),
                    "fileformat": "jpg" if sensor.modality == "camera" else "pcd",
                    "is_key_frame": True,
                    "height": height,
                    "width": width,
                    "filename": keyframe.filename(sensor),
                }
            )
        tables["sample_data"] += _chain(records)


def _add_annotations(
    tables: dict[str, Table],
    seed: int,
    scene: Scene,
    measurements: Mapping[Keyframe, Measurement],
) -> None:
    tracks: dict[int, Table] = defaultdict(list)
    for keyframe in scene.keyframes:
        measurement = measurements[keyframe]
        for index in measurement.annotated:
            thing = scene.world.things[index]
            box = thing.box(keyframe.time())
            length, width, height = thing.size
            tracks[index].append(
                {
                    "token": token(seed, "annotation", scene.number, keyframe.index, index),
                    "sample_token": token(seed, "sample", scene.number, keyframe.index),
                    "instance_token": token(seed, "instance", scene.number, index),
                    "visibility_token": measurement.visibility(index),
                    "attribute_tokens": [token("attribute", name) for name in _attributes(thing)],
                    "translation": box.pose[:3, 3].tolist(),
                    "size": [width, length, height],
                    "rotation": Quaternion(matrix=box.pose).elements.tolist(),
                    "num_lidar_pts": int(measurement.lidar_points[index]),
                    "num_radar_pts": 0,
                }
            )
    for index, track in sorted(tracks.items()):
        category = CATEGORIES[scene.world.things[index].name]
        tables["instance"].append(
            {
                "token": token(seed, "instance", scene.number, index),
                "category_token": token("category", category),
                "nbr_annotations": len(track),
                "first_annotation_token": track[0]["token"],
                "last_annotation_token": track[-1]["token"],
            }
        )
        tables["sample_annotation"] += _chain(track)


def _attributes(thing: Thing) -> tuple[str, ...]:
    if thing.name not in STATE_ATTRIBUTES:
        return ()
    moving, standing = STATE_ATTRIBUTES[thing.name]
    return (moving,) if thing.moving else (standing,)


def _chain(records: Table) -> Table:
    """Link records in time with ``prev`` and ``next``."""
    for record in records:
        record.update(prev="", next="")
    for earlier, later in pairwise(records):
        earlier["next"], later["prev"] = later["token"], earlier["token"]
    return records
