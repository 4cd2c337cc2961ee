"""Errors of estimated object poses against true ones, as the BOP benchmark defines them.

Lengths are millimetres, angles degrees. T. Hodan et al., BOP: Benchmark for 6D Object Pose
Estimation, ECCV 2018; BOP Challenge 2020 on 6D Object Localization, ECCV workshops 2020 (MSSD and
MSPD). Each function takes P estimated and P true poses of one object and gives P errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from ...datasets.bop.symmetries import Symmetries
from . import loops
from .nearest import PointTree


@dataclass(frozen=True, eq=False)
class Poses:
    """P motions from the model's frame to the camera's: x -> R x + t.

    Attributes:
        rotation: (P, 3, 3) float64.
        translation: (P, 3) float64, mm.
    """

    rotation: np.ndarray
    translation: np.ndarray

    def __post_init__(self) -> None:
        for name, shape in (("rotation", (-1, 3, 3)), ("translation", (-1, 3))):
            array = np.ascontiguousarray(getattr(self, name), float).reshape(shape)
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.rotation)

    def __getitem__(self, index: np.ndarray | slice) -> Poses:
        return Poses(self.rotation[index], self.translation[index])


@dataclass(frozen=True, eq=False)
class ModelPoints:
    """The n points of a model; what speeds up the errors is made when it is first needed.

    Attributes:
        points: (n, 3) float64, mm, n at least 1.
    """

    points: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", np.ascontiguousarray(self.points, float).reshape(-1, 3))

    @cached_property
    def tree(self) -> PointTree:
        """For nearest neighbours."""
        return PointTree.of(self.points)

    @cached_property
    def rows(self) -> np.ndarray:
        """(3, n): the points, x, y and z each in a row."""
        return np.ascontiguousarray(self.points.T)

    @cached_property
    def _hull(self) -> np.ndarray:
        """Indices of the corners of the convex hull; of all points where they span no volume."""
        try:
            return ConvexHull(self.points).vertices
        except (QhullError, ValueError):
            return np.arange(len(self.points))

    @cached_property
    def ordered_rows(self) -> np.ndarray:
        """(3, n): a few points far from one another, then the hull's other corners, then the rest.

        The first ones tell most about the greatest distance of any point.
        """
        hull = self._hull
        corners = self.points[hull]
        probes = _far_apart(corners, loops.PROBES)
        rest = np.delete(hull, probes)
        inner = np.delete(np.arange(len(self.points)), hull)
        order = np.concatenate([hull[probes], rest, inner])
        return np.ascontiguousarray(self.points[order].T)

    @cached_property
    def hull_rows(self) -> np.ndarray:
        """(3, h): those of ``ordered_rows`` that are corners of the convex hull."""
        return np.ascontiguousarray(self.ordered_rows[:, : len(self._hull)])


def add(estimated: Poses, true: Poses, model: ModelPoints) -> np.ndarray:
    """ADD: mean distance of the points in the two poses (P,), mm.

    S. Hinterstoisser et al., Model Based Training, Detection and Pose Estimation of Texture-Less
    3D Objects in Heavily Cluttered Scenes, ACCV 2012.
    """
    return loops.mean_distance(
        estimated.rotation - true.rotation, estimated.translation - true.translation, model.rows
    )


def add_s(estimated: Poses, true: Poses, model: ModelPoints) -> np.ndarray:
    """ADD-S or ADI: mean distance of the points in the true pose from the nearest in the other.

    For objects that look alike from several sides, see :func:`add`. (P,), mm.
    """
    # In the model's frame, where the nearest points are looked for: one tree serves every pose.
    back = estimated.rotation.transpose(0, 2, 1)
    shift = true.translation - estimated.translation
    return model.tree.mean_distance(
        np.ascontiguousarray(back @ true.rotation), (back @ shift[..., None])[..., 0]
    )


def mssd(estimated: Poses, true: Poses, model: ModelPoints, symmetries: Symmetries) -> np.ndarray:
    """MSSD: greatest distance of a point in the two poses, for the best symmetry (P,), mm.

    The distance is convex in the point, so that it is greatest at a corner of the convex hull.
    """
    return loops.least_greatest_distance(
        estimated.rotation,
        estimated.translation,
        true.rotation,
        true.translation,
        symmetries.rotation,
        symmetries.translation,
        model.hull_rows,
    )


def mspd(
    estimated: Poses,
    true: Poses,
    model: ModelPoints,
    symmetries: Symmetries,
    cam2img: np.ndarray,
) -> np.ndarray:
    """MSPD: greatest distance of a projected point, for the best symmetry (P,), pixels.

    Args:
        estimated, true: P poses.
        model: all of its points count, since projections are not convex.
        symmetries: of the model.
        cam2img: (P, 3, 3) or (3, 3) intrinsics, pixels.
    """
    return loops.least_greatest_pixel_distance(
        _projection(cam2img, estimated),
        _projection(cam2img, true),
        _motions(symmetries),
        model.ordered_rows,
    )


def reprojection_error(
    estimated: Poses,
    true: Poses,
    model: ModelPoints,
    cam2img: np.ndarray,
    symmetries: Symmetries | None = None,
) -> np.ndarray:
    """Mean distance of the projected points (P,), pixels.

    E. Brachmann et al., Uncertainty-Driven 6D Pose Estimation of Objects and Scenes from a Single
    RGB Image, CVPR 2016. With symmetries that for the best of them.
    """
    return loops.least_mean_pixel_distance(
        _projection(cam2img, estimated),
        _projection(cam2img, true),
        _motions(symmetries or Symmetries.none()),
        model.rows,
    )


def rotation_error(estimated: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Angle between rotations (..., 3, 3), which may be broadcast: (...), degrees, 0 to 180."""
    # Of half of the angle both the sine and the cosine: the arc cosine alone is blind near zero.
    trace = np.einsum("...ij,...ij->...", estimated, true)
    half_sine = np.sqrt(np.square(estimated - true).sum((-1, -2)) / 8)
    half_cosine = np.sqrt(np.clip(1 + trace, 0, None) / 4)
    return np.degrees(2 * np.arctan2(half_sine, half_cosine))


def translation_error(estimated: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Distance between translations (..., 3), which may be broadcast: (...), mm."""
    return np.linalg.norm(estimated - true, axis=-1)


def degrees_and_millimetres(
    estimated: Poses, true: Poses, symmetries: Symmetries, degrees: float, millimetres: float
) -> np.ndarray:
    """The greater of both errors by what is allowed, for the best symmetry (P,), below 1 if right.

    J. Shotton et al., Scene Coordinate Regression Forests for Camera Relocalization in RGB-D
    Images, CVPR 2013 (5 degrees, 5 cm).

    Args:
        estimated, true: P poses.
        symmetries: of the model.
        degrees, millimetres: allowed.
    """
    least = np.full(len(true), np.inf)
    for rotation, translation in zip(symmetries.rotation, symmetries.translation, strict=True):
        angle = rotation_error(estimated.rotation, true.rotation @ rotation)
        moved = true.rotation @ translation + true.translation
        distance = translation_error(estimated.translation, moved)
        least = np.minimum(least, np.maximum(angle / degrees, distance / millimetres))
    return least


def _projection(cam2img: np.ndarray, poses: Poses) -> np.ndarray:
    """(P, 3, 4)."""
    motion = np.concatenate([poses.rotation, poses.translation[..., None]], axis=2)
    return np.ascontiguousarray(np.asarray(cam2img, float) @ motion)


def _motions(symmetries: Symmetries) -> np.ndarray:
    """(S, 4, 4)."""
    motions = np.tile(np.eye(4), (len(symmetries), 1, 1))
    motions[:, :3, :3], motions[:, :3, 3] = symmetries.rotation, symmetries.translation
    return motions


def _far_apart(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of up to ``count`` of points (n, 3), each as far as can be from those before."""
    chosen = [int(np.square(points - points.mean(axis=0)).sum(axis=1).argmax())]
    distance = np.square(points - points[chosen[0]]).sum(axis=1)
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        np.minimum(distance, np.square(points - points[chosen[-1]]).sum(axis=1), out=distance)
    return np.array(chosen)
