"""The annotated objects of a nuScenes keyframe, looked up once for all of its sensors."""

from dataclasses import dataclass

import numpy as np
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.nuscenes import NuScenes

from .nuscenes_names import ATTRIBUTES, CLASSES, NO_ATTRIBUTE
from .rigid_transforms import rigid_transforms


@dataclass(frozen=True)
class FrameObjects:
    """N objects of a keyframe in the global frame. Metres, seconds.

    Attributes:
        annotations: Their rows in ``sample_annotation``.
        labels: (N,) indices in ``CLASSES``, -1 where the category is not detected.
        attributes: Their indices in ``ATTRIBUTES``, ``NO_ATTRIBUTE`` where there is none.
        object2global: (N, 4, 4) poses; the object's axes are forward, left and up.
        sizes: (N, 3) length, width and height.
        velocities: (N, 2) along the global x and y axes, NaN where unknown; the benchmark knows
            none along z.
    """

    annotations: list[dict]
    labels: np.ndarray
    attributes: list[int]
    object2global: np.ndarray
    sizes: np.ndarray
    velocities: np.ndarray

    @classmethod
    def of(cls, nusc: NuScenes, tokens: list[str]) -> "FrameObjects":
        """Objects of some ``sample_annotation`` tokens."""
        rows = [nusc.get("sample_annotation", token) for token in tokens]
        return cls(
            annotations=rows,
            labels=np.array([_label(row) for row in rows], dtype=int),
            attributes=[_attribute(nusc, row) for row in rows],
            object2global=rigid_transforms(
                _column(rows, "translation", 3), _column(rows, "rotation", 4)
            ),
            sizes=_column(rows, "size", 3)[:, [1, 0, 2]],
            velocities=np.array([nusc.box_velocity(t)[:2] for t in tokens]).reshape(-1, 2),
        )

    def velocities_in(self, global2sensor: np.ndarray) -> np.ndarray:
        """(N, 3) velocities in the frame of a sensor with that (4, 4) transform."""
        return (global2sensor[:3, :2] @ self.velocities[..., None])[..., 0]


def _column(rows: list[dict], name: str, width: int) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=float).reshape(-1, width)


def _label(annotation: dict) -> int:
    name = category_to_detection_name(annotation["category_name"])
    return -1 if name is None else CLASSES.index(name)


def _attribute(nusc: NuScenes, annotation: dict) -> int:
    if not annotation["attribute_tokens"] or _label(annotation) < 0:
        return NO_ATTRIBUTE
    return ATTRIBUTES.index(nusc.get("attribute", annotation["attribute_tokens"][0])["name"])
