"""Draws what an image shows: objects and clutter on a table or floating before a wall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from scipy.spatial.transform import Rotation

from .body import Body, Shape
from .camera import Camera
from .models import object_models
from .pattern import Pattern, PlaneTexture
from .rest import rolled, turn_down
from .shapes import clutter_shapes, object_colours, object_shapes
from .shot import Light, Plane, Sensor, Shot

OBJECTS = (4, 7)  # of each image, at least and at most where there is room
CLUTTER = (4, 10)
DEPTH = (0.5, 1.2)  # of the middles of bodies, metres
NEAREST = 0.2  # of any point of a body, metres
SPREAD = 0.8  # share of the image's width and height in which the middles of bodies are
TRIES = 30


@dataclass(frozen=True, eq=False)
class _Stage:
    """Where bodies go.

    Attributes:
        planes: what stands behind them.
        up: (3,) unit vector.
        places: draws, for a shape of some scale, one place after another: rotation, translation.
    """

    planes: tuple[Plane, ...]
    up: np.ndarray
    places: Callable[[Shape, np.ndarray], Iterator[tuple[np.ndarray, np.ndarray]]]


def draw_shot(seed: tuple[int, ...], camera: Camera, upright: bool = False) -> Shot:
    """What an image shows; the same seed gives the same, and at least one object.

    Args:
        seed: of all that is random.
        camera: that of the image.
        upright: only tables, and on them every body as it stands.
    """
    rng = np.random.default_rng(seed)
    bodies: list[Body] = []
    while not bodies:
        if upright:
            stage = _table(rng, camera, _feet)
        else:
            stage = (_table if rng.uniform() < 0.5 else _space)(rng, camera)
        for body in _objects(rng):
            _put(bodies, body, stage)
    for body in _clutter(rng):
        _put(bodies, body, stage)
    light = _light(rng, stage.up)
    return Shot(tuple(bodies), stage.planes, *light, _sensor(rng), int(rng.integers(2**32)))


def _objects(rng: np.random.Generator) -> Iterator[Body]:
    """Some of the objects by their numbers, all at the origin."""
    count = rng.integers(OBJECTS[0], OBJECTS[1], endpoint=True)
    for i in sorted(rng.permutation(len(object_models()))[:count]):
        colours, number = object_colours()[i], object_models()[i].number
        yield _at_origin(object_shapes()[i], np.ones(3), colours, rng, number)


def _clutter(rng: np.random.Generator) -> Iterator[Body]:
    """Some random bodies, all at the origin."""
    for _ in range(rng.integers(CLUTTER[0], CLUTTER[1], endpoint=True)):
        shape = clutter_shapes()[rng.integers(len(clutter_shapes()))]
        scale = rng.uniform(0.05, 0.12) * rng.uniform(0.5, 1.5, 3)
        wavelength, softness = rng.uniform(0.03, 0.2), rng.uniform(0.3, 1)
        pattern = Pattern.draw(rng, wavelength, int(rng.integers(2, 5)), softness)
        field = pattern.field(shape.surface.vertices * scale)
        yield _at_origin(shape, scale, pattern.colours(field).astype(np.float32), rng)


def _at_origin(
    shape: Shape, scale: np.ndarray, colours: np.ndarray, rng: np.random.Generator, number: int = 0
) -> Body:
    gloss = (rng.uniform(0, 0.3), float(np.exp(rng.uniform(2, 4.5))))
    return Body(shape, np.eye(3), np.zeros(3), scale, colours, gloss, number)


def _put(bodies: list[Body], body: Body, stage: _Stage) -> None:
    """Add a body where it overlaps nothing; without room it is left out."""
    for rotation, translation in islice(stage.places(body.shape, body.scale), TRIES):
        if not DEPTH[0] <= translation[2] <= DEPTH[1]:
            continue
        placed = replace(body, rotation=rotation, translation=translation)
        # One that rests on a plane may be below it by a rounding error.
        free = placed.corners[:, 2].min() > NEAREST and all(
            (placed.corners @ plane.normal).min() > plane.offset - 1e-6 for plane in stage.planes
        )
        if free and not any(placed.overlaps(other) for other in bodies):
            bodies.append(placed)
            return


def _feet(rng: np.random.Generator) -> np.ndarray:
    """The side of a body on which it stands."""
    return np.array([0.0, 0.0, -1.0])


def _any_side(rng: np.random.Generator) -> np.ndarray:
    side = rng.normal(size=3)
    return side / np.linalg.norm(side)


def _table(
    rng: np.random.Generator,
    camera: Camera,
    side: Callable[[np.random.Generator], np.ndarray] = _any_side,
) -> _Stage:
    """A table seen from above, with a wall behind it; bodies rest on it, on what ``side`` draws."""
    elevation = np.deg2rad(rng.uniform(25, 85))
    roll = np.deg2rad(np.clip(rng.normal(0, 20), -60, 60))
    # Of the table in the camera: x to the right, y away from it, z up.
    level = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    tilt = Rotation.from_euler("zx", [roll, elevation]).as_matrix() @ level
    target = rng.uniform(0.65, 0.95) * camera.bearing(_pixel(rng, camera, 0.2))
    up, away = tilt[:, 2], tilt[:, 1]
    table = Plane(up, float(up @ target), tilt[:, :2].T, PlaneTexture.draw(rng))
    wall_at = target + away * rng.uniform(0.5, 1.5)
    wall = Plane(-away, float(-away @ wall_at), tilt[:, [0, 2]].T, PlaneTexture.draw(rng))

    def places(shape: Shape, scale: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        corners = shape.hull * scale
        down = rolled(side(rng), corners)
        height = (corners @ down).max()
        while True:
            bearing = camera.bearing(_pixel(rng, camera, SPREAD))
            foot = bearing * table.offset / min(up @ bearing, -1e-3)
            yield tilt @ turn_down(down, rng.uniform(0, 2 * np.pi)), foot + up * height

    return _Stage((table, wall), up, places)


def _space(rng: np.random.Generator, camera: Camera) -> _Stage:
    """A wall, and bodies that float before it."""
    lean = Rotation.from_rotvec(np.deg2rad(rng.uniform(-25, 25, 3))).as_matrix()
    wall_axes = lean[:, :2].T
    wall = Plane(
        -lean[:, 2], float(-lean[2, 2] * rng.uniform(1.4, 2.2)), wall_axes, PlaneTexture.draw(rng)
    )
    up = np.array([0.0, -1.0, 0.0])

    def places(shape: Shape, scale: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            rotation = Rotation.random(random_state=rng).as_matrix()
            yield rotation, rng.uniform(*DEPTH) * camera.bearing(_pixel(rng, camera, SPREAD))

    return _Stage((wall,), up, places)


def _pixel(rng: np.random.Generator, camera: Camera, share: float) -> np.ndarray:
    """A place in the middle part of the image, rather near its centre than at its ends.

    Args:
        share: of the image's width and height, how much that part spans.
    """
    size = np.array([camera.width, camera.height])
    # The mean of two uniform draws.
    return size * (0.5 + share * (rng.uniform(0, 0.5, 2) - rng.uniform(0, 0.5, 2))) - 0.5


def _light(
    rng: np.random.Generator, up: np.ndarray
) -> tuple[tuple[Light, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Lights, what is up, and what comes evenly from above and from below."""
    tint = 1 + rng.uniform(-0.15, 0.15) * np.array([1, 0, -1])
    lights = []
    for strength, shadows in ((rng.uniform(0.5, 1.2), True), (rng.uniform(0, 0.4), False)):
        # More from above and from behind the camera than from elsewhere.
        direction = up + rng.normal(0, 0.6, 3) - (0, 0, 0.5)
        direction /= np.linalg.norm(direction)
        lights.append(Light(direction, strength * tint, shadows))
    sky = rng.uniform(0.25, 0.6) * (2 - tint)
    return tuple(lights), up, sky, sky * rng.uniform(0.3, 0.8)


def _sensor(rng: np.random.Generator) -> Sensor:
    return Sensor(
        rng.uniform(0.12, 0.3),
        tuple(rng.uniform(0.93, 1.07, 3).tolist()),
        rng.uniform(0.35, 0.9),
        rng.uniform(0.005, 0.03),
        rng.uniform(0.001, 0.006),
    )
