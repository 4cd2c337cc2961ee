"""The eight objects of the dataset: their solids, symmetries, surfaces and colours.

They are the same in every dataset, so that a network trained on one can be tested on another.
Frame of every model: metres, z up as it stands, the origin at the centre of its box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from .pattern import Pattern, srgb_bytes
from .solid import (
    Solid,
    about_z,
    box,
    capsule,
    cylinder,
    ellipsoid,
    hollow,
    joined,
    moved,
    ring,
    rounded,
    turned,
)
from .tessellate import Surface, tessellate

STEP = 0.002
EVALUATION_STEP = 0.003
PATTERN_SEED = 20


@dataclass(frozen=True)
class Symmetry:
    """Rotations about the z axis that map a model, and its colours, to itself.

    Attributes:
        folds: how many there are in a turn, itself among them.
        continuous: whether every rotation is one; then ``folds`` is 1.
    """

    folds: int = 1
    continuous: bool = False

    def discrete(self) -> list[np.ndarray]:
        """The rotations other than the identity, each (4, 4); empty where there is none."""
        return [_turn(2 * np.pi * i / self.folds) for i in range(1, self.folds)]

    def field(self, pattern: Pattern, points: np.ndarray) -> np.ndarray:
        """The pattern's field made symmetric, at points (N, 3): (N,)."""
        if self.continuous:
            radius, z = about_z(points).T
            return pattern.field(np.stack([radius, np.zeros_like(z), z], -1))
        turns = [np.eye(4), *self.discrete()]
        fields = [pattern.field(points @ turn[:3, :3].T) for turn in turns]
        return np.sum(fields, 0) / np.sqrt(len(turns))


@dataclass(frozen=True, eq=False)
class ObjectModel:
    """One of the objects.

    Attributes:
        number: its obj_id.
        name: what it is.
        solid: inside and outside.
        symmetry: what it looks the same after.
        surface: its triangles.
        colours: (V, 3) uint8, sRGB, of the vertices.
        evaluation: a coarser surface, for errors of poses.
        evaluation_colours: the same of its vertices.
    """

    number: int
    name: str
    solid: Solid
    symmetry: Symmetry
    surface: Surface
    colours: np.ndarray
    evaluation: Surface
    evaluation_colours: np.ndarray

    def bounds(self) -> np.ndarray:
        """Least and greatest coordinates, (2, 3) metres."""
        return np.stack([self.surface.vertices.min(0), self.surface.vertices.max(0)])

    def diameter(self) -> float:
        """Largest distance between two vertices, metres."""
        # The two are corners of the hull, of which there are few.
        return float(pdist(hull(self.surface.vertices)).max())


def hull(points: np.ndarray) -> np.ndarray:
    """Those of the points (N, 3) that are corners of their convex hull, (H, 3)."""
    return points[ConvexHull(points).vertices]


def _mug() -> Solid:
    upright = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    outside = joined(
        [cylinder(0.04, 0.1, 0.003), moved(ring(0.027, 0.006), (0.042, 0, 0.002), upright)], 0.006
    )
    return hollow(outside, moved(cylinder(0.033, 0.12, 0.004), (0, 0, 0.017)), 0.004)


def _bracket() -> Solid:
    arms = [
        moved(box((0.11, 0.055, 0.014), 0.003), (0, 0, -0.035)),
        moved(box((0.014, 0.055, 0.085), 0.003), (-0.048, 0, 0)),
        moved(box((0.04, 0.012, 0.04), 0.003), (-0.03, 0.012, -0.02)),
    ]
    hole = moved(cylinder(0.013, 0.06, 0.002), (0.028, 0.006, -0.035))
    return hollow(joined(arms, 0.006), hole, 0.003)


def _animal() -> Solid:
    legs = [
        capsule((x, y, -0.005), (x * 1.15, y * 1.1, -0.055), (0.013, 0.009))
        for x in (-0.04, 0.035)
        for y in (-0.019, 0.019)
    ]
    ears = [
        moved(ellipsoid((0.008, 0.01, 0.016)), (0.053, side * 0.019, 0.057)) for side in (-1, 1)
    ]
    body = [
        moved(ellipsoid((0.06, 0.029, 0.029)), (0, 0, 0.002)),
        capsule((0.045, 0, 0.012), (0.06, 0, 0.035), (0.017, 0.015)),
        moved(ellipsoid((0.025, 0.02, 0.019)), (0.065, 0, 0.04)),
        capsule((0.075, 0, 0.036), (0.098, 0, 0.03), (0.012, 0.008)),
        capsule((-0.055, 0, 0.011), (-0.092, 0, 0.04), (0.009, 0.006)),
    ]
    return joined([*body, *legs, *ears], 0.01)


def _carton() -> Solid:
    bumps = [moved(ellipsoid((0.026, 0.026, 0.028)), (x, 0, 0.018)) for x in (-0.033, 0.033)]
    return joined([box((0.13, 0.075, 0.042), 0.005), *bumps], 0.006)


def _vase() -> Solid:
    outline = [
        (-0.085, 0.028),
        (-0.07, 0.034),
        (-0.045, 0.043),
        (-0.02, 0.045),
        (0.01, 0.038),
        (0.035, 0.024),
        (0.055, 0.016),
        (0.07, 0.017),
        (0.085, 0.025),
    ]
    return hollow(
        rounded(turned(outline), 0.003), moved(cylinder(0.013, 0.07, 0.003), (0, 0, 0.075)), 0.004
    )


def _plate() -> Solid:
    return box((0.2, 0.135, 0.012), 0.004)


def _stick() -> Solid:
    shaft = moved(box((0.2, 0.02, 0.014), 0.004), (0.015, 0, 0))
    return joined([shaft, moved(ellipsoid((0.024, 0.019, 0.015)), (-0.095, 0, 0))], 0.008)


def _knob() -> Solid:
    bars = [box(size, 0.003) for size in ((0.07, 0.016, 0.03), (0.016, 0.07, 0.03))]
    foot = moved(cylinder(0.026, 0.022, 0.003), (0, 0, -0.018))
    return joined([*bars, foot], 0.005)


# Name, solid, half of a box that holds it, symmetry, wavelength of its pattern and its colours.
_KINDS: tuple[tuple[str, Callable[[], Solid], tuple, Symmetry, float, int], ...] = (
    ("mug", _mug, (0.09, 0.06, 0.07), Symmetry(), 0.06, 4),
    ("bracket", _bracket, (0.07, 0.04, 0.06), Symmetry(), 0.05, 4),
    ("animal", _animal, (0.12, 0.05, 0.09), Symmetry(), 0.05, 3),
    ("carton", _carton, (0.08, 0.05, 0.06), Symmetry(folds=2), 0.06, 4),
    ("vase", _vase, (0.06, 0.06, 0.1), Symmetry(continuous=True), 0.06, 4),
    ("plate", _plate, (0.12, 0.08, 0.02), Symmetry(), 0.06, 5),
    ("stick", _stick, (0.13, 0.03, 0.03), Symmetry(), 0.045, 4),
    ("knob", _knob, (0.05, 0.05, 0.04), Symmetry(folds=4), 0.05, 3),
)


@lru_cache(maxsize=1)
def object_models() -> tuple[ObjectModel, ...]:
    """All of them; a few seconds, once a process."""
    return tuple(_model(number) for number in range(1, len(_KINDS) + 1))


def _model(number: int) -> ObjectModel:
    name, build, half_size, symmetry, wavelength, colours = _KINDS[number - 1]
    solid = build()
    pattern = Pattern.draw(np.random.default_rng([PATTERN_SEED, number]), wavelength, colours)
    fine, coarse = (
        tessellate(solid, np.asarray(half_size), step) for step in (STEP, EVALUATION_STEP)
    )
    centre = (fine.vertices.min(0) + fine.vertices.max(0)) / 2
    skins = []
    for surface in (fine, coarse):
        centred = replace(surface, vertices=surface.vertices - centre)
        field = symmetry.field(pattern, centred.vertices)
        skins += [centred, srgb_bytes(pattern.colours(field))]
    return ObjectModel(number, name, moved(solid, -centre), symmetry, *skins)


def _turn(angle: float) -> np.ndarray:
    pose = np.eye(4)
    # Rounded so that a quarter turn holds zeros and ones.
    pose[:2, :2] = np.round([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], 15)
    return pose + 0.0
