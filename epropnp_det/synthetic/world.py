"""The simulated world: boxes of ten classes on a straight road, and the car that looks at them.

Frame: global, metres, z up, ground at z = 0. Time in seconds from a scene's first keyframe.
Headings and yaws are counter-clockwise from global x.
"""

from dataclasses import dataclass

import numpy as np

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

# Linear RGB reflectance.
COLOURS = {
    "car": (0.10, 0.22, 0.65),
    "truck": (0.60, 0.60, 0.62),
    "trailer": (0.35, 0.20, 0.10),
    "bus": (0.75, 0.10, 0.08),
    "construction_vehicle": (0.80, 0.55, 0.03),
    "bicycle": (0.05, 0.45, 0.42),
    "motorcycle": (0.35, 0.06, 0.40),
    "pedestrian": (0.10, 0.50, 0.12),
    "traffic_cone": (0.90, 0.25, 0.02),
    "barrier": (0.85, 0.80, 0.75),
}

VIEW = 50.0  # metres of road that hold objects before the first and beyond the last keyframe
# The solid is smaller than its annotated box by SOLID_INSET on every side, and the box hovers by
# GROUND_GAP, both metres, so that no surface or ground point lies on the boundary of a box.
SOLID_INSET = 0.01
GROUND_GAP = 0.02


@dataclass(frozen=True)
class Box:
    """An oriented box at one instant: ``pose`` (4, 4) box to global, ``size`` (l, w, h) metres."""

    pose: np.ndarray
    size: tuple[float, float, float]


@dataclass(frozen=True)
class Thing:
    """An object that stands still or moves on a straight line at constant speed.

    Attributes:
        name: one of the ten nuScenes detection classes.
        size: annotated (l, w, h), metres.
        start: (x, y) at time zero.
        yaw: where its front points.
        velocity: (vx, vy), metres a second.
        colour: linear RGB reflectance.
    """

    name: str
    size: tuple[float, float, float]
    start: tuple[float, float]
    yaw: float
    velocity: tuple[float, float]
    colour: tuple[float, float, float]

    def box(self, time: float) -> Box:
        """Annotated box at ``time``."""
        x, y = np.add(self.start, np.multiply(self.velocity, time))
        return Box(_pose(x, y, self.size[2] / 2 + GROUND_GAP, self.yaw), self.size)

    def solid(self, time: float) -> Box:
        """What cameras and LiDAR meet at ``time``."""
        box = self.box(time)
        return Box(box.pose, tuple(side - 2 * SOLID_INSET for side in box.size))


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
class World:
    """Everything in one scene; ``road`` (4, 4) takes the road's frame (x along it) to global."""

    road: np.ndarray
    ego: EgoPath
    things: tuple[Thing, ...]


@dataclass(frozen=True)
class _Lane:
    offset: float  # lateral position, metres, left positive
    heading: float  # direction of travel in the road's frame
    speed: tuple[float, float] | None  # range to draw from; None: keeps pace with the ego car
    names: tuple[str, ...]
    gap: tuple[float, float]  # metres between two objects
    facing: float = 0.0  # yaw of an object against the direction of travel


EGO_LANE = -2.0
_PARKED = ("car", "car", "truck", "trailer", "bus", "construction_vehicle", "motorcycle", "bicycle")
_LANES = (
    _Lane(EGO_LANE, 0.0, None, ("car", "car", "truck", "bus"), (12, 30)),
    _Lane(2.0, np.pi, (5, 9), ("car", "car", "truck", "motorcycle", "bicycle"), (10, 25)),
    _Lane(-8.0, 0.0, (0, 0), _PARKED, (4, 20)),
    _Lane(8.0, np.pi, (0, 0), _PARKED, (4, 20)),
    _Lane(-11.0, 0.0, (0, 0), ("barrier", "traffic_cone"), (2, 14), facing=-np.pi / 2),
    _Lane(11.0, np.pi, (0, 0), ("traffic_cone", "barrier"), (2, 14), facing=-np.pi / 2),
    _Lane(-12.5, 0.0, (1.0, 1.6), ("pedestrian",), (5, 18)),
    _Lane(12.5, np.pi, (1.0, 1.6), ("pedestrian",), (5, 18)),
    _Lane(14.0, 0.0, (0, 0), ("pedestrian",), (6, 24), facing=-np.pi / 2),
)


def build_world(seed: int, scene: int, duration: float) -> World:
    """Draw the world of scene number ``scene``, long enough for ``duration`` seconds of driving."""
    rng = np.random.default_rng([seed, scene])
    road = _pose(*rng.uniform(400, 1600, 2), 0.0, rng.uniform(-np.pi, np.pi))
    ego = EgoPath(road, EGO_LANE, rng.uniform(6, 9))
    things = [thing for lane in _LANES for thing in _fill(lane, ego, duration, rng)]
    return World(road, ego, tuple(things))


def _fill(lane: _Lane, ego: EgoPath, duration: float, rng: np.random.Generator):
    """Put objects one behind another on a lane; no two overlap since they share one velocity."""
    speed = ego.speed if lane.speed is None else rng.uniform(*lane.speed)
    along = np.cos(lane.heading) * speed
    travel = along * duration
    position = -VIEW - max(travel, 0)
    end = VIEW + ego.speed * duration - min(travel, 0)
    yaw = np.arctan2(ego.road[1, 0], ego.road[0, 0]) + lane.heading + lane.facing
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
        start = tuple((ego.road @ (centre, lane.offset, 0, 1))[:2])
        colour = tuple(np.multiply(COLOURS[name], rng.uniform(0.7, 1.1)))
        yield Thing(name, size, start, yaw, velocity, colour)


def _draw_size(name: str, rng: np.random.Generator) -> tuple[float, float, float]:
    mean, std = map(np.array, SIZE_STATISTICS[name])
    length, height, width = mean + std * np.clip(rng.standard_normal(3), -1.5, 1.5)
    return length, width, height


def _pose(x: float, y: float, z: float, yaw: float) -> np.ndarray:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0, x], [sin, cos, 0, y], [0, 0, 1, z], [0, 0, 0, 1.0]])
