"""The tables of a dataset, from the planned scenes and what sensors measured."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pyquaternion import Quaternion

from .formats import Format
from .own_tables import Table, own_tables, scene_words, visibility_token
from .plan import Keyframe, Scene, Settings, token
from .rig import Sensor
from .world import Thing


@dataclass(frozen=True)
class Measurement:
    """What one keyframe's sensors saw of the scene's B things, (B,) each.

    Attributes:
        lidar_points: points of the sweep on the thing.
        visible: pixels of the images that show it.
        covered: pixels of the images that would show it if nothing stood before it.
    """

    lidar_points: np.ndarray
    visible: np.ndarray
    covered: np.ndarray

    @property
    def annotated(self) -> np.ndarray:
        """Indices of the things that any sensor saw."""
        return np.flatnonzero((self.lidar_points > 0) | (self.visible > 0))

    def visibility(self, index: int) -> int:
        """Level from 1 to 4 of the share of the thing's pixels that nothing else hides."""
        share = self.visible[index] / max(self.covered[index], 1)
        return 1 + int(np.searchsorted([0.4, 0.6, 0.8], share, side="right"))


def build_tables(
    settings: Settings, scenes: Sequence[Scene], measurements: Mapping[Keyframe, Measurement]
) -> dict[str, Table]:
    """All tables, by name, ready to be written as JSON.

    Args:
        settings: seed (tokens differ between seeds), image size, and whether there are annotations.
        scenes: the planned scenes.
        measurements: one entry for every keyframe.
    """
    written_as = settings.format
    tables: dict[str, Table] = defaultdict(list)
    tables["attribute"] = [_named("attribute", name) for name in written_as.devkit.attributes]
    tables["category"] = [_named("category", name) for name in written_as.categories.values()]
    for sensor in settings.sensors:
        _add_sensor(tables, settings, sensor)
    for scene in scenes:
        _add_scene(tables, settings, scene)
        if settings.annotated:
            _add_annotations(tables, settings, scene, measurements)
    own = own_tables(settings.dataset, settings.seed, scenes)
    return {"instance": [], "sample_annotation": [], **tables, **own}


def _add_sensor(tables: dict[str, Table], settings: Settings, sensor: Sensor) -> None:
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
            "token": token(settings.seed, "calibration", sensor.channel),
            "sensor_token": token("sensor", sensor.channel),
            "translation": list(sensor.translation),
            "rotation": Quaternion(sensor.rotation).normalised.elements.tolist(),
            "camera_intrinsic": (
                sensor.intrinsic(settings.image_size).tolist() if is_camera else []
            ),
        }
    )


def _named(kind: str, name: str) -> dict:
    return {"token": token(kind, name), "name": name, "description": ""}


def _add_scene(tables: dict[str, Table], settings: Settings, scene: Scene) -> None:
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
    words = scene_words(settings.dataset, seed)
    tables["scene"].append(
        {
            "token": token(seed, "scene", scene.number),
            "log_token": words["log_token"],
            "nbr_samples": len(samples),
            "first_sample_token": samples[0]["token"],
            "last_sample_token": samples[-1]["token"],
            "name": scene.name,
            "description": words["description"],
        }
    )
    for sensor in settings.sensors:
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
    settings: Settings,
    scene: Scene,
    measurements: Mapping[Keyframe, Measurement],
) -> None:
    seed, written_as = settings.seed, settings.format
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
                    "visibility_token": visibility_token(
                        settings.dataset, measurement.visibility(index)
                    ),
                    "attribute_tokens": [
                        token("attribute", name) for name in _attributes(thing, written_as)
                    ],
                    "translation": box.pose[:3, 3].tolist(),
                    "size": [width, length, height],
                    "rotation": Quaternion(matrix=box.pose).elements.tolist(),
                    "num_lidar_pts": int(measurement.lidar_points[index]),
                    "num_radar_pts": 0,
                }
            )
    for index, track in sorted(tracks.items()):
        category = written_as.categories[scene.world.things[index].name]
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


def _attributes(thing: Thing, written_as: Format) -> tuple[str, ...]:
    if thing.name not in written_as.attributes:
        return ()
    moving, standing = written_as.attributes[thing.name]
    return (moving,) if thing.moving else (standing,)


def _chain(records: Table) -> Table:
    """Link records in time with ``prev`` and ``next``."""
    for record in records:
        record.update(prev="", next="")
    for earlier, later in pairwise(records):
        earlier["next"], later["prev"] = later["token"], earlier["token"]
    return records
