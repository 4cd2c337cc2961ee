"""What one image shows: bodies and planes, light and the sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import Body
from .pattern import PlaneTexture


@dataclass(frozen=True, eq=False)
class Plane:
    """A textured plane in the camera's frame.

    Attributes:
        normal: (3,) unit vector to the side that is seen.
        offset: ``normal @ p`` of its points p, metres; negative, as the camera is on that side.
        axes: (2, 3) unit vectors in the plane.
        texture: its colours over these axes.
    """

    normal: np.ndarray
    offset: float
    axes: np.ndarray
    texture: PlaneTexture

    def depth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Where rays meet it, as coordinates z; far away those that never do.

        Args:
            x: (W,) of the rays' directions, whose z is one.
            y: (H,) of the directions.

        Returns:
            (H, W) metres.
        """
        facing = self.normal[0] * x + (self.normal[1] * y + self.normal[2])[:, None]
        return self.offset / np.minimum(facing, -1e-6)


@dataclass(frozen=True, eq=False)
class Light:
    """Light from far away.

    Attributes:
        direction: (3,) unit vector to where it comes from.
        colour: (3,) what a white surface across it reflects of it.
        shadows: whether bodies cast shadows in it.
    """

    direction: np.ndarray
    colour: np.ndarray
    shadows: bool


@dataclass(frozen=True)
class Sensor:
    """What a camera adds.

    Attributes:
        exposure: what the mean of an image is brought to, linear, 0 to 1.
        gains: factors of red, green and blue.
        blur: standard deviation of the lens's blur, pixels.
        shot_noise: standard deviation of a white pixel's noise that grows with its root, 0 to 1.
        read_noise: standard deviation of every pixel's noise, 0 to 1.
    """

    exposure: float
    gains: tuple[float, float, float]
    blur: float
    shot_noise: float
    read_noise: float


@dataclass(frozen=True, eq=False)
class Shot:
    """All that decides an image, apart from its camera; in the camera's frame, metres.

    Attributes:
        bodies: annotated objects by their numbers, then clutter.
        planes: what stands behind.
        lights: from which sides.
        up: (3,) unit vector.
        sky: (3,) what comes evenly from above.
        floor: (3,) what comes evenly from below.
        sensor: what the camera adds.
        noise_seed: of the sensor's noise.
    """

    bodies: tuple[Body, ...]
    planes: tuple[Plane, ...]
    lights: tuple[Light, ...]
    up: np.ndarray
    sky: np.ndarray
    floor: np.ndarray
    sensor: Sensor
    noise_seed: int

    @property
    def objects(self) -> tuple[Body, ...]:
        """The annotated ones, which come first."""
        return tuple(body for body in self.bodies if body.number)
