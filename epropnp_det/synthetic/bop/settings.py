"""What a dataset will hold: its settings, scenes and images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UserError
from .camera import Camera

# Of which an image's random numbers depend on the place.
SPLITS = ("train", "test")
# Measured; to tell beforehand how big a dataset will be.
BYTES_PER_PIXEL = 2.6


@dataclass(frozen=True)
class Settings:
    """All that decides the bytes of a dataset.

    Attributes:
        scenes: number of scenes to train on.
        test_scenes: number of scenes to test on, which are drawn in the same way.
        images_per_scene: images in a scene.
        seed: seed of everything random.
        image_size: (width, height), pixels; the field of view stays the same.
        clean: without blur and noise.
        upright: whether objects stand on tables as they are modelled, z up, as LineMOD's do; else
            they lie there on any side, or float.
    """

    scenes: int
    test_scenes: int
    images_per_scene: int
    seed: int = 0
    image_size: tuple[int, int] = (640, 480)
    clean: bool = False
    upright: bool = False

    def __post_init__(self):
        if min(self.scenes, self.test_scenes, self.images_per_scene) < 1:
            raise UserError(
                "a dataset needs at least 1 scene to train, 1 to test, and 1 image in each"
            )
        if max(self.scenes, self.test_scenes, self.images_per_scene) > 10**6:
            raise UserError("names have six digits: ask for at most 1000000 scenes, and images")
        if self.seed < 0:
            raise UserError(f"seed {self.seed}: give a number from 0 on")
        if min(self.image_size) < 32:
            raise UserError("image size {}x{}: 32x32 is the least".format(*self.image_size))

    @property
    def camera(self) -> Camera:
        """That of all images."""
        return Camera.linemod(self.image_size)

    def images(self) -> Iterator[Image]:
        """All of them, scene by scene."""
        for scene in self.folders():
            for number in range(self.images_per_scene):
                yield Image(scene, number)

    def folders(self) -> Iterator[Scene]:
        """All scenes."""
        for split, count in zip(SPLITS, (self.scenes, self.test_scenes), strict=True):
            for number in range(count):
                yield Scene(split, number)

    def estimated_bytes(self, images: int) -> float:
        """About how much a number of images takes up on disk."""
        return images * self.image_size[0] * self.image_size[1] * BYTES_PER_PIXEL


@dataclass(frozen=True)
class Scene:
    """A numbered folder of a split."""

    split: str
    number: int

    @property
    def folder(self) -> str:
        """Its path below the dataset's root."""
        return f"{self.split}/{self.number:06d}"


@dataclass(frozen=True)
class Image:
    """A numbered image of a scene."""

    scene: Scene
    number: int

    def seed(self, settings: Settings) -> tuple[int, ...]:
        """What its content is drawn from; other images do not matter."""
        return settings.seed, SPLITS.index(self.scene.split), self.scene.number, self.number

    def path(self, kind: str, suffix: str = ".png", instance: int | None = None) -> str:
        """Path of one of its files below the dataset's root.

        Args:
            kind: the folder, such as 'rgb'.
            suffix: of the file.
            instance: place in the list of annotated objects, of which masks have one each.
        """
        name = f"{self.number:06d}" + (f"_{instance:06d}" if instance is not None else "")
        return f"{self.scene.folder}/{kind}/{name}{suffix}"
