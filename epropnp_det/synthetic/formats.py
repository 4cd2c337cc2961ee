"""The formats that the simulated world can be written in: their sensors, names and classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..command_line import NUSCENES_VERSIONS
from ..devkits import DEVKITS, Devkit, splits_of
from . import rig, truck
from .rig import Sensor
from .world import LANES, ROADSIDE_LANE, Lane

_NUSCENES_CATEGORIES = {
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
_VEHICLE = ("vehicle.moving", "vehicle.parked")
_CYCLE = ("cycle.with_rider", "cycle.without_rider")
_NUSCENES_ATTRIBUTES = {
    **dict.fromkeys(("car", "truck", "trailer", "bus", "construction_vehicle"), _VEHICLE),
    **dict.fromkeys(("bicycle", "motorcycle"), _CYCLE),
    "pedestrian": ("pedestrian.moving", "pedestrian.standing"),
}


@dataclass(frozen=True)
class Format:
    """How a world is written.

    Attributes:
        devkit: that of the dataset whose format it is.
        versions: of that dataset, the smallest first.
        lidar: sensor at whose time the keyframes are.
        cameras: the others.
        categories: by name of a thing, that of its category.
        attributes: by name of a thing, its attribute when it moves and when it stands.
        lanes: what is on the street and beside it.
        borrowed: what of the real dataset is in it, in words.
        absent: what of the real dataset is not simulated, in words.
    """

    devkit: Devkit
    versions: tuple[str, ...]
    lidar: Sensor
    cameras: tuple[Sensor, ...]
    categories: Mapping[str, str] = field(hash=False)
    attributes: Mapping[str, tuple[str, str]] = field(hash=False)
    lanes: Sequence[Lane]
    borrowed: str
    absent: str

    @property
    def name(self) -> str:
        """That of the devkit."""
        return self.devkit.package

    def scene_names(self, version: str) -> tuple[Sequence[str], Sequence[str]]:
        """Names of the scenes of a version's main split, and of the one held out for validation."""
        splits = self.devkit.module("utils.splits").create_splits_scenes()
        main, *held_out = (splits[name] for name in splits_of(version).values())
        return main, held_out[0] if held_out else ()

    def scene_numbers(self) -> Mapping[str, int]:
        """By name of a scene, in whatever version, the number from which its world is drawn."""
        splits = self.devkit.module("utils.splits").create_splits_scenes()
        names = [name for split in ("train", "val", "test") for name in splits[split]]
        if self.devkit is DEVKITS["nuscenes"]:  # whose names are numbers
            return {name: int(name.removeprefix("scene-")) for name in names}
        return {name: i for i, name in enumerate(names)}


_NUSCENES = Format(
    devkit=DEVKITS["nuscenes"],
    versions=NUSCENES_VERSIONS,
    lidar=rig.LIDAR,
    cameras=rig.CAMERAS,
    categories=_NUSCENES_CATEGORIES,
    attributes=_NUSCENES_ATTRIBUTES,
    lanes=LANES,
    borrowed="its format, scene names and the calibration of its sensors",
    absent="Radar is not simulated.",
)
_TRUCKSCENES = Format(
    devkit=DEVKITS["truckscenes"],
    versions=("v1.2-mini", "v1.2-trainval", "v1.2-test"),
    lidar=truck.LIDAR,
    cameras=truck.CAMERAS,
    categories={
        **_NUSCENES_CATEGORIES,
        "animal": "animal",
        "traffic_sign": "static_object.traffic_sign",
    },
    attributes={
        **_NUSCENES_ATTRIBUTES,
        "traffic_sign": ("traffic_sign.temporary", "traffic_sign.pole_mounted"),
    },
    lanes=(*LANES, ROADSIDE_LANE),
    borrowed="its format and the names of its scenes and sensors",
    absent="The other LiDARs, radar and the truck's own trailer are not simulated.",
)
FORMATS: Mapping[str, Format] = MappingProxyType({x.name: x for x in (_NUSCENES, _TRUCKSCENES)})
"""The formats by the package of their devkit."""
