"""Visible surface discrepancy (VSD), which compares rendered with measured depth.

T. Hodan et al., BOP: Benchmark for 6D Object Pose Estimation, ECCV 2018, with the visibility of
the challenges since 2019: where no depth was measured, a surface counts as visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from ...datasets.bop.coordinates import SurfaceCaster
from ...datasets.bop.models import ObjectModel
from ...errors import UserError

DELTA = 15.0
"""BOP's tolerance of visibility, mm (ITODD: 5)."""

TAUS = tuple(np.arange(1, 11) / 20)
"""BOP's tolerances of distance, in diameters."""

_MM = 1e-3

Window = tuple[int, int, int, int]
"""Columns and rows of a part of an image: first, first, after the last, after the last."""


class Renderer(Protocol):
    """What renders a model."""

    def distance(
        self, rotation: np.ndarray, translation: np.ndarray, cam2img: np.ndarray, window: Window
    ) -> np.ndarray:
        """Distance of the surface from the camera's centre in each pixel of a window.

        Args:
            rotation: (3, 3) model to camera.
            translation: (3,) mm.
            cam2img: (3, 3) intrinsics, pixels.
            window: w columns and h rows.

        Returns:
            (h, w) mm, 0 where there is no surface.
        """


@dataclass(frozen=True)
class CastRenderer:
    """Renders by casting rays.

    Attributes:
        model: with its mesh.
        caster: may be shared among models.
    """

    model: ObjectModel
    caster: SurfaceCaster = field(default_factory=SurfaceCaster)

    def distance(
        self, rotation: np.ndarray, translation: np.ndarray, cam2img: np.ndarray, window: Window
    ) -> np.ndarray:
        """See :class:`Renderer`."""
        left, top, right, bottom = window
        columns, rows = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
        pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
        points, met = self.caster.cast(self.model, rotation, translation * _MM, cam2img, pixels)
        distance = np.linalg.norm(points @ rotation.T / _MM + translation, axis=1)
        return np.where(met, distance, 0.0).reshape(rows.shape)


def check_renderer() -> None:
    """Make sure that models can be rendered.

    Raises:
        UserError: embreex is not installed.
    """
    if find_spec("embreex") is None:
        raise UserError(
            "VSD renders models by embreex, which is not installed: run `pip install "
            "'epropnp_det[demo]'`, or set the evaluator's vsd=False."
        )


def distance_image(depth: np.ndarray, cam2img: np.ndarray) -> np.ndarray:
    """Distances from the camera's centre (h, w) of depths z (h, w), pixel (0, 0) first."""
    focal, center = cam2img[[0, 1], [0, 1]], cam2img[:2, 2]
    rows, columns = np.ogrid[: depth.shape[0], : depth.shape[1]]
    x, y = (columns - center[0]) / focal[0], (rows - center[1]) / focal[1]
    return depth * np.sqrt(x * x + y * y + 1)


def vsd(
    measured: np.ndarray,
    estimated: np.ndarray,
    true: np.ndarray,
    diameter: float,
    delta: float = DELTA,
    taus: Sequence[float] = TAUS,
) -> np.ndarray:
    """VSD of one pose for T tolerances.

    Args:
        measured: (h, w) distances of the scene, mm, 0 where unknown.
        estimated: (h, w) of the model in the estimated pose, mm, 0 where it is not.
        true: (h, w) of the model in the true pose.
        diameter: of the model, mm.
        delta: how much farther than measured a visible surface may be, mm.
        taus: how much the two may differ where both are visible, in diameters.

    Returns:
        (T,) between 0 and 1; 1 where neither is visible.
    """
    unknown = measured == 0
    seen_true = (true > 0) & (unknown | (true - measured <= delta))
    seen = (estimated > 0) & (unknown | (estimated - measured <= delta) | seen_true)
    both, either = seen & seen_true, int((seen | seen_true).sum())
    if not either:
        return np.ones(len(taus))
    off = np.abs(true[both] - estimated[both]) / diameter
    wrong = (off[:, None] >= np.asarray(taus)).sum(axis=0)
    return (wrong + either - int(both.sum())) / either


def window_of(
    points: np.ndarray,
    rotation: np.ndarray,
    translation: np.ndarray,
    cam2img: np.ndarray,
    size: tuple[int, int],
) -> Window:
    """The part of an image that can show a model; all of it if a point is not ahead.

    Args:
        points: (n, 3) among them the corners of its convex hull, mm.
        rotation, translation: (3, 3) and (3,) model to camera, mm.
        cam2img: (3, 3) intrinsics, pixels.
        size: (width, height) of the image.
    """
    moved = points @ rotation.T + translation
    if (moved[:, 2] <= 0).any():
        return 0, 0, *size
    pixels = (moved @ cam2img.T)[:, :2] / moved[:, 2:]
    low = np.clip(np.floor(pixels.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)) + 1, low, size).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def union(one: Window, other: Window) -> Window:
    """The smallest window around two."""
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )
