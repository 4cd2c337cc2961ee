"""What a dataset will hold: its settings, scenes, keyframes, times and file names."""

import hashlib
from dataclasses import dataclass

from nuscenes.utils import splits

from ..errors import UserError
from .rig import CAMERAS, LIDAR, Sensor
from .world import World, build_world

# Names of the scenes of a version's main split, and of the one that is held out for validation.
SPLITS = {
    "v1.0-mini": (splits.mini_train, splits.mini_val),
    "v1.0-trainval": (splits.train, splits.val),
    "v1.0-test": (splits.test, []),
}
TEST_VERSION = "v1.0-test"
INTERVAL_US = 500_000  # between keyframes
SCENE_SPACING_US = 3_600_000_000
EPOCH_US = 1_600_000_000_000_000
LOG_NAME = "synthetic"
# Measured; to tell beforehand how big a dataset will be.
BYTES_PER_PIXEL = 0.3
BYTES_PER_KEYFRAME = 700_000  # of a sweep, and of what the tables say of a keyframe


@dataclass(frozen=True)
class Settings:
    """All that decides the bytes of a dataset.

    Attributes:
        scenes: number of scenes. Of v1.0-mini and v1.0-trainval about one in five is for
            validation, at least one from two scenes on.
        samples_per_scene: keyframes in a scene.
        val_samples_per_scene: keyframes in a scene for validation.
        seed: seed of everything random.
        image_size: (width, height), pixels.
        version: v1.0-mini (at most 10 scenes), v1.0-trainval (850), or v1.0-test (150), which has
            no annotations.
    """

    scenes: int
    samples_per_scene: int
    val_samples_per_scene: int
    seed: int = 0
    image_size: tuple[int, int] = (400, 224)
    version: str = "v1.0-mini"

    def __post_init__(self):
        if self.version not in SPLITS:
            raise UserError(f"unknown version {self.version!r}: choose one of {', '.join(SPLITS)}")
        limit = sum(map(len, SPLITS[self.version]))
        if not 1 <= self.scenes <= limit:
            raise UserError(
                f"{self.scenes} scenes: {self.version} can hold 1 to {limit}: ask for so many, "
                "or for another version."
            )
        if min(self.samples_per_scene, self.val_samples_per_scene) < 1:
            raise UserError("a scene needs at least 1 sample")
        if self.seed < 0:
            raise UserError(f"seed {self.seed}: give a number from 0 on")
        if min(self.image_size) < 32:
            raise UserError("image size {}x{}: 32x32 is the least".format(*self.image_size))

    @property
    def annotated(self) -> bool:
        """Whether the tables tell what the sensors saw."""
        return self.version != TEST_VERSION


@dataclass(frozen=True)
class Keyframe:
    """One moment of scene number ``scene``, measured by every sensor around ``timestamp_us``."""

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
    """A named scene with its world and keyframes; ``number`` is the one in its name."""

    number: int
    name: str
    world: World
    keyframes: tuple[Keyframe, ...]


def plan_scenes(settings: Settings) -> list[Scene]:
    """Lay out all scenes; the same in every process.

    A scene does not depend on how many others there are, nor on the version.
    """
    main, held_out = SPLITS[settings.version]
    count = settings.scenes
    val = min(max(round(count / 5), int(count > 1)), len(held_out))
    names = [*main[: count - val], *held_out[:val]]
    return [plan_scene(settings, int(name.removeprefix("scene-"))) for name in names]


def plan_scene(settings: Settings, number: int) -> Scene:
    """Lay out the scene that has a number in its name."""
    name = f"scene-{number:04d}"
    is_val = name in SPLITS[settings.version][1]
    count = settings.val_samples_per_scene if is_val else settings.samples_per_scene
    start = EPOCH_US + number * SCENE_SPACING_US
    return Scene(
        number,
        name,
        build_world(settings.seed, number, count * INTERVAL_US / 1e6),
        tuple(Keyframe(number, i, start + i * INTERVAL_US) for i in range(count)),
    )


def estimated_bytes(settings: Settings, keyframes: int) -> float:
    """About how much a number of keyframes takes up on disk."""
    pixels = len(CAMERAS) * settings.image_size[0] * settings.image_size[1]
    return keyframes * (BYTES_PER_KEYFRAME + pixels * BYTES_PER_PIXEL)


def token(*parts: object) -> str:
    """The 32 hexadecimal digits that name a record, made from what the record is about."""
    return hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
