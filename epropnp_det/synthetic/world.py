"""The simulated world: a straight street, its traffic, and the car that looks at them.

Frame: global, metres, z up, ground at z = 0. Time in seconds from a scene's first keyframe.
Headings and yaws are counter-clockwise from global x.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .mesh import Colour, Mesh
from .palette import draw_colours
from .shapes import shape

# Mean and standard deviation of (length, height, width) in metres: nuScenes class statistics.
SIZE_STATISTICS = {
    "car": ((4.62, 1.73, 1.96), (0.46, 0.24, 0.16)),
    "truck": ((6.94, 2.84, 2.52), (2.11, 0.84, 0.45)),
    "trailer": ((12.56, 3.89, 2.94), (4.50, 0.77, 0.54)),
    "bus": ((11.22, 3.50, 2.95), (2.06, 0.49, 0.33)),
    "construction_vehicle": ((6.68, 3.21, 2.85), (3.23, 0.93, 1.07)),
    "bicycle": ((1.70, 1.29, 0.61), (0.26, 0.35, 0.16)),
    "motorcycle": ((2.11, 1.46, 0.78), (0.33, 0.29, 0.17)),
    "pedestrian": ((0.73, 1.77, 0.67), (0.19, 0.19, 0.14)),
    "traffic_cone": ((0.41, 1.08, 0.41), (0.14, 0.27, 0.13)),
    "barrier": ((0.50, 0.99, 2.52), (0.17, 0.15, 0.62)),
}

# The same of what stands beside the road of other formats; nobody measured these.
ROADSIDE_SIZES = {
    "animal": ((1.20, 0.95, 0.40), (0.20, 0.12, 0.06)),
    "traffic_sign": ((0.12, 2.60, 0.75), (0.02, 0.20, 0.08)),
}

VIEW = 50.0  # metres of road that hold objects before the first and beyond the last keyframe
BACKDROP_VIEW = 120.0  # the same for what lines the street
# The mesh fills a box that is smaller than the annotated one by SOLID_INSET on every side, and the
# box hovers by GROUND_GAP, both metres, so that no surface or ground point lies on the boundary of
# an annotated box.
SOLID_INSET = 0.01
GROUND_GAP = 0.02


@dataclass(frozen=True)
class Box:
    """An oriented box at one instant: ``pose`` (4, 4) box to global, ``size`` (l, w, h) metres."""

    pose: np.ndarray
    size: tuple[float, float, float]


@dataclass(frozen=True)
class Solid:
    """A mesh at one instant: ``pose`` (4, 4) takes it to the global frame."""

    mesh: Mesh
    pose: np.ndarray


@dataclass(frozen=True)
class Thing:
    """An object that stands still or moves on a straight line at constant speed.

    Attributes:
        name: one of the ten nuScenes detection classes, of ``ROADSIDE_SIZES``, or of what lines
            the street (see ``shapes``).
        size: annotated (l, w, h), metres.
        start: (x, y) at time zero.
        yaw: where its front points.
        velocity: (vx, vy), metres a second.
        colour: main colour.
        accent: second colour.
    """

    name: str
    size: tuple[float, float, float]
    start: tuple[float, float]
    yaw: float
    velocity: tuple[float, float]
    colour: Colour
    accent: Colour = (0.05, 0.05, 0.05)

    @property
    def moving(self) -> bool:
        """Whether it moves at all."""
        return any(self.velocity)

    def box(self, time: float) -> Box:
        """Annotated box at ``time``."""
        x, y = np.add(self.start, np.multiply(self.velocity, time))
        return Box(_pose(x, y, self.size[2] / 2 + GROUND_GAP, self.yaw), self.size)

    def solid(self, time: float) -> Solid:
        """What cameras and LiDAR meet at ``time``."""
        size = tuple(side - 2 * SOLID_INSET for side in self.size)
        mesh = shape(self.name, size, self.colour, self.accent, self.moving)
        return Solid(mesh, self.box(time).pose)


@dataclass(frozen=True)
class EgoPath:
    """Motion of the ego car: constant speed along the road with a sinusoidal sway in its lane."""

    road: np.ndarray
    lane: float
    speed: float
    sway: float = 0.5
    period: float = 6.0

    def pose(self, time: float) -> np.ndarray:
        """Ego to global transform at ``time``, (4, 4)."""
        rate = 2 * np.pi / self.period
        y = self.lane + self.sway * np.sin(rate * time)
        slope = self.sway * rate * np.cos(rate * time) / self.speed
        return self.road @ _pose(self.speed * time, y, 0.0, np.arctan(slope))


@dataclass(frozen=True)
class Weather:
    """Light of a scene: azimuth (in the road's frame) and elevation of the sun, radians; haze."""

    azimuth: float = 0.9
    elevation: float = 0.8
    turbidity: float = 3.0


@dataclass(frozen=True)
class World:
    """Everything in one scene.

    Attributes:
        road: (4, 4) takes the road's frame (x along it) to global.
        ego: the car that looks.
        things: the objects that are annotated.
        backdrop: buildings and the like, all further from the road than any thing.
        length: metres of road that the ego car drives.
        weather: the light.
    """

    road: np.ndarray
    ego: EgoPath
    things: tuple[Thing, ...]
    backdrop: tuple[Thing, ...] = ()
    length: float = 0.0
    weather: Weather = Weather()


@dataclass(frozen=True)
class Lane:
    """Objects of some kinds in a row along the road."""

    offset: float  # lateral position, metres, left positive
    heading: float  # direction of travel in the road's frame
    speed: tuple[float, float] | None  # range to draw from; None: keeps pace with the ego car
    names: tuple[str, ...]
    gap: tuple[float, float]  # metres between two objects
    facing: float = 0.0  # yaw of an object against the direction of travel


EGO_LANE = -2.0
_DRIVING = ("car",) * 6 + ("truck", "bus", "motorcycle")
_PARKED = ("car",) * 10 + ("truck", "trailer", "bus", "construction_vehicle", "bicycle", "bicycle")
LANES = (
    Lane(EGO_LANE, 0.0, None, ("car", "car", "car", "truck"), (10, 25)),
    Lane(-5.6, 0.0, (6, 10), _DRIVING, (8, 22)),
    Lane(2.0, np.pi, (5, 9), _DRIVING, (8, 20)),
    Lane(5.6, np.pi, (5, 9), ("car", "car", "car", "truck", "motorcycle", "bicycle"), (8, 20)),
    Lane(-9.6, 0.0, (0, 0), _PARKED, (1, 7)),
    Lane(9.6, np.pi, (0, 0), _PARKED, (1, 7)),
    Lane(-12.6, 0.0, (0, 0), ("barrier", "traffic_cone"), (4, 22), facing=-np.pi / 2),
    Lane(12.6, np.pi, (0, 0), ("traffic_cone", "barrier"), (4, 22), facing=-np.pi / 2),
    Lane(-14.0, 0.0, (1.0, 1.6), ("pedestrian",), (5, 18)),
    Lane(14.0, np.pi, (1.0, 1.6), ("pedestrian",), (5, 18)),
    Lane(15.2, 0.0, (0, 0), ("pedestrian",), (8, 28), facing=-np.pi / 2),
)
"""The traffic on the street."""
ROADSIDE_LANE = Lane(-15.2, 0.0, (0, 0), ("traffic_sign", "animal"), (8, 24), facing=np.pi)
"""Signs that face the traffic, and animals, for formats that have such classes."""


def build_world(seed: int, scene: int, duration: float, lanes: Sequence[Lane] = LANES) -> World:
    """Draw the world of scene number ``scene``, long enough for ``duration`` seconds of driving."""
    rng = np.random.default_rng([seed, scene])
    road = _pose(*rng.uniform(400, 1600, 2), 0.0, rng.uniform(-np.pi, np.pi))
    ego = EgoPath(road, EGO_LANE, rng.uniform(6, 9))
    weather = Weather(rng.uniform(-np.pi, np.pi), rng.uniform(0.6, 1.1), rng.uniform(2, 5))
    things = [thing for lane in lanes for thing in _fill(lane, ego, duration, rng)]
    length = ego.speed * duration
    backdrop = [thing for side in (-1, 1) for thing in _line(side, road, length, rng)]
    return World(road, ego, tuple(things), tuple(backdrop), length, weather)


def _fill(lane: Lane, ego: EgoPath, duration: float, rng: np.random.Generator) -> Iterator[Thing]:
    """Put objects one behind another on a lane; no two overlap since they share one velocity."""
    speed = ego.speed if lane.speed is None else rng.uniform(*lane.speed)
    along = np.cos(lane.heading) * speed
    travel = along * duration
    position = -VIEW - max(travel, 0)
    end = VIEW + ego.speed * duration - min(travel, 0)
    yaw = _yaw(ego.road) + lane.heading + lane.facing
    velocity = tuple(along * ego.road[:2, 0])
    deck: list[str] = []
    while True:
        # Dealt rather than drawn, so that a short scene has all classes.
        deck = deck or rng.permutation(lane.names).tolist()
        name = deck.pop()
        size = _draw_size(name, rng)
        extent = abs(np.cos(lane.facing)) * size[0] + abs(np.sin(lane.facing)) * size[1]
        centre = position + rng.uniform(*lane.gap) + extent / 2
        if centre > end:
            return
        position = centre + extent / 2
        if lane.speed is None and abs(centre) < 10 + extent / 2:  # the ego car itself is here
            continue
        yield _place(name, size, ego.road, (centre, lane.offset), yaw, velocity, rng)


def _line(side: int, road: np.ndarray, length: float, rng: np.random.Generator) -> Iterator[Thing]:
    """Line one side of the street with buildings, trees and lamps."""
    end = length + BACKDROP_VIEW
    facing = _yaw(road) - side * np.pi / 2
    position = -BACKDROP_VIEW
    while position < end:
        size = (12.0, rng.uniform(12, 26), rng.uniform(6, 24))
        centre = (position + size[1] / 2, side * (20.0 + size[0] / 2))
        yield _place("building", size, road, centre, facing, (0.0, 0.0), rng)
        position += size[1] + rng.choice([0.5, 6.0])
    for position in np.arange(-BACKDROP_VIEW, end, 14.0):
        offset = side * 17.8
        if rng.random() < 0.6:
            crown = rng.uniform(2.2, 3.6)
            size = (crown, crown, rng.uniform(5.5, 8.5))
            where = (position + rng.uniform(-2, 2), offset)
            yield _place("tree", size, road, where, facing, (0.0, 0.0), rng)
        yield _place(
            "lamp", (1.8, 0.24, 7.0), road, (position + 7, offset), facing, (0.0, 0.0), rng
        )


def _place(
    name: str,
    size: tuple[float, float, float],
    road: np.ndarray,
    where: tuple[float, float],
    yaw: float,
    velocity: tuple[float, float],
    rng: np.random.Generator,
) -> Thing:
    start = tuple((road @ (*where, 0, 1))[:2])
    return Thing(name, size, start, yaw, velocity, *draw_colours(name, rng))


def _draw_size(name: str, rng: np.random.Generator) -> tuple[float, float, float]:
    mean, std = map(np.array, (SIZE_STATISTICS | ROADSIDE_SIZES)[name])
    length, height, width = mean + std * np.clip(rng.standard_normal(3), -1.5, 1.5)
    return length, width, height


def _yaw(pose: np.ndarray) -> float:
    return np.arctan2(pose[1, 0], pose[0, 0])


def _pose(x: float, y: float, z: float, yaw: float) -> np.ndarray:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0, x], [sin, cos, 0, y], [0, 0, 1, z], [0, 0, 0, 1.0]])
