"""What a dataset will hold: its settings, scenes, keyframes, times and file names."""

import hashlib
from dataclasses import dataclass

from ..errors import UserError
from .formats import FORMATS, Format
from .rig import Sensor
from .world import World, build_world

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
            no annotations; those of another format have other numbers.
        dataset: the one in whose format it is written.
        raise_cameras: how much higher than usual the cameras sit, metres.
        pitch_cameras: how much further down than usual they look, degrees.
    """

    scenes: int
    samples_per_scene: int
    val_samples_per_scene: int
    seed: int = 0
    image_size: tuple[int, int] = (400, 224)
    version: str = "v1.0-mini"
    dataset: str = "nuscenes"
    raise_cameras: float = 0.0
    pitch_cameras: float = 0.0

    def __post_init__(self):
        if self.dataset not in FORMATS:
            raise UserError(f"unknown dataset {self.dataset!r}: choose one of {', '.join(FORMATS)}")
        versions = self.format.versions
        if self.version not in versions:
            raise UserError(
                f"unknown version {self.version!r}: choose one of {', '.join(versions)}"
            )
        limit = sum(map(len, self.format.scene_names(self.version)))
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
        if not -1 <= self.raise_cameras <= 5:
            raise UserError(f"cameras raised by {self.raise_cameras:g} m: give -1 to 5")
        if not -45 <= self.pitch_cameras <= 45:
            raise UserError(
                f"cameras turned down by {self.pitch_cameras:g} degrees: give -45 to 45"
            )

    @property
    def format(self) -> Format:
        """The format that it is written in."""
        return FORMATS[self.dataset]

    @property
    def cameras(self) -> tuple[Sensor, ...]:
        """The format's cameras, as they are mounted here."""
        mount = self.raise_cameras, self.pitch_cameras
        return tuple(camera.mounted(*mount) for camera in self.format.cameras)

    @property
    def sensors(self) -> tuple[Sensor, ...]:
        """The LiDAR and the cameras."""
        return (self.format.lidar, *self.cameras)

    @property
    def annotated(self) -> bool:
        """Whether the tables tell what the sensors saw."""
        return not self.version.endswith("-test")


@dataclass(frozen=True)
class Keyframe:
    """One moment of the named ``scene``, measured by every sensor around ``timestamp_us``."""

    scene: str
    index: int
    timestamp_us: int

    def stamp(self, sensor: Sensor) -> int:
        """Time of the sensor's measurement, microseconds."""
        return self.timestamp_us + sensor.delay_us

    def time(self, sensor: Sensor | None = None) -> float:
        """Time of the sensor's measurement in the scene, by default the LiDAR's, seconds."""
        return (self.index * INTERVAL_US + (sensor.delay_us if sensor else 0)) / 1e6

    def filename(self, sensor: Sensor) -> str:
        """Path of the sensor's file below the dataset's root."""
        name = f"{LOG_NAME}__{sensor.channel}__{self.stamp(sensor)}.{sensor.suffix}"
        return f"samples/{sensor.channel}/{name}"


@dataclass(frozen=True)
class Scene:
    """A named scene with its world and keyframes; ``number`` is what it is drawn from."""

    number: int
    name: str
    world: World
    keyframes: tuple[Keyframe, ...]


def plan_scenes(settings: Settings) -> list[Scene]:
    """Lay out all scenes; the same in every process.

    A scene does not depend on how many others there are, nor on the version.
    """
    main, held_out = settings.format.scene_names(settings.version)
    count = settings.scenes
    val = min(max(round(count / 5), int(count > 1)), len(held_out))
    names = [*main[: count - val], *held_out[:val]]
    return [plan_scene(settings, name) for name in names]


def plan_scene(settings: Settings, name: str) -> Scene:
    """Lay out one scene."""
    number = settings.format.scene_numbers()[name]
    is_val = name in settings.format.scene_names(settings.version)[1]
    count = settings.val_samples_per_scene if is_val else settings.samples_per_scene
    start = EPOCH_US + number * SCENE_SPACING_US
    return Scene(
        number,
        name,
        build_world(settings.seed, number, count * INTERVAL_US / 1e6, settings.format.lanes),
        tuple(Keyframe(name, i, start + i * INTERVAL_US) for i in range(count)),
    )


def estimated_bytes(settings: Settings, keyframes: int) -> float:
    """About how much a number of keyframes takes up on disk."""
    pixels = len(settings.cameras) * settings.image_size[0] * settings.image_size[1]
    return keyframes * (BYTES_PER_KEYFRAME + pixels * BYTES_PER_PIXEL)


def token(*parts: object) -> str:
    """The 32 hexadecimal digits that name a record, made from what the record is about."""
    return hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
