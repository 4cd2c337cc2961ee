"""What a dataset will hold: its settings, scenes, keyframes, times and file names."""

import hashlib
from dataclasses import dataclass

from nuscenes.utils.splits import mini_train, mini_val

from ..errors import UserError
from .rig import LIDAR, Sensor
from .world import World, build_world

VERSION = "v1.0-mini"
INTERVAL_US = 500_000  # between keyframes
SCENE_SPACING_US = 3_600_000_000
EPOCH_US = 1_600_000_000_000_000
LOG_NAME = "synthetic"


@dataclass(frozen=True)
class Settings:
    """All that decides the bytes of a dataset.

    Attributes:
        scenes: number of scenes, 1 to 10; about one in five belongs to mini_val, at least one from
            two scenes on, the others to mini_train.
        samples_per_scene: keyframes in a scene.
        val_samples_per_scene: keyframes in a scene of mini_val.
        seed: seed of everything random.
        image_size: (width, height), pixels.
    """

    scenes: int
    samples_per_scene: int
    val_samples_per_scene: int
    seed: int = 0
    image_size: tuple[int, int] = (400, 224)

    def __post_init__(self):
        limit = len(mini_train) + len(mini_val)
        if not 1 <= self.scenes <= limit:
            raise UserError(f"{self.scenes} scenes: {VERSION} can hold 1 to {limit}")
        if min(self.samples_per_scene, self.val_samples_per_scene) < 1:
            raise UserError("a scene needs at least 1 sample")
        if self.seed < 0:
            raise UserError(f"seed {self.seed}: give a number from 0 on")
        if min(self.image_size) < 32:
            raise UserError("image size {}x{}: 32x32 is the least".format(*self.image_size))


@dataclass(frozen=True)
class Keyframe:
    """One moment of a scene, measured by every sensor around ``timestamp_us``."""

    scene: int
    index: int
    timestamp_us: int

    def stamp(self, sensor: Sensor) -> int:
        """Time of the sensor's measurement, microseconds."""
        return self.timestamp_us + sensor.delay_us

    def time(self, sensor: Sensor = LIDAR) -> float:
        """Time of the sensor's measurement in the scene, seconds."""
        return (self.index * INTERVAL_US + sensor.delay_us) / 1e6

    def filename(self, sensor: Sensor) -> str:
        """Path of the sensor's file below the dataset's root."""
        suffix = "jpg" if sensor.modality == "camera" else "pcd.bin"
        return (
            f"samples/{sensor.channel}/{LOG_NAME}__{sensor.channel}__{self.stamp(sensor)}.{suffix}"
        )


@dataclass(frozen=True)
class Scene:
    """A named scene with its world and keyframes."""

    index: int
    name: str
    world: World
    keyframes: tuple[Keyframe, ...]


def plan_scenes(settings: Settings) -> list[Scene]:
    """Lay out all scenes; cheap, and the same in every process."""
    val = max(round(settings.scenes / 5), int(settings.scenes > 1))
    names = [*mini_train[: settings.scenes - val], *mini_val[:val]]
    return [_plan_scene(settings, index, name) for index, name in enumerate(names)]


def token(*parts: object) -> str:
    """The 32 hexadecimal digits that name a record, made from what the record is about."""
    return hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def _plan_scene(settings: Settings, index: int, name: str) -> Scene:
    count = settings.val_samples_per_scene if name in mini_val else settings.samples_per_scene
    start = EPOCH_US + index * SCENE_SPACING_US
    return Scene(
        index,
        name,
        build_world(settings.seed, index, count * INTERVAL_US / 1e6),
        tuple(Keyframe(index, i, start + i * INTERVAL_US) for i in range(count)),
    )
