"""The annotated objects of a nuScenes keyframe, looked up once for all of its sensors."""

from dataclasses import dataclass

import numpy as np
from nuscenes.nuscenes import NuScenes

from .rig import NUSCENES, Rig
from .rigid_transforms import rigid_transforms

_LEVELS = ("1", "2", "3", "4")
_LEVEL_OF_SHARE = {"v0-40": 1, "v40-60": 2, "v60-80": 3, "v80-100": 4}


@dataclass(frozen=True)
class FrameObjects:
    """N objects of a keyframe in the global frame. Metres, seconds.

    Attributes:
        annotations: Their rows in ``sample_annotation``.
        labels: (N,) indices of their classes, -1 where the category is not detected.
        attributes: Indices of theirs, the number of all where there is none.
        object2global: (N, 4, 4) poses; the object's axes are forward, left and up.
        sizes: (N, 3) length, width and height.
        velocities: (N, 2) along the global x and y axes, NaN where unknown; the benchmark knows
            none along z.
        visibilities: Level of each, 1 to 4, -1 where it is not known.
    """

    annotations: list[dict]
    labels: np.ndarray
    attributes: list[int]
    object2global: np.ndarray
    sizes: np.ndarray
    velocities: np.ndarray
    visibilities: list[int]

    @classmethod
    def of(cls, nusc: NuScenes, tokens: list[str], rig: Rig = NUSCENES) -> "FrameObjects":
        """Objects of some ``sample_annotation`` tokens."""
        rows = [nusc.get("sample_annotation", token) for token in tokens]
        return cls(
            annotations=rows,
            labels=np.array([rig.label_of(row["category_name"]) for row in rows], dtype=int),
            attributes=[_attribute(nusc, row, rig) for row in rows],
            object2global=rigid_transforms(
                _column(rows, "translation", 3), _column(rows, "rotation", 4)
            ),
            sizes=_column(rows, "size", 3)[:, [1, 0, 2]],
            velocities=np.array([nusc.box_velocity(t)[:2] for t in tokens]).reshape(-1, 2),
            visibilities=[_visibility(nusc, row) for row in rows],
        )

    def velocities_in(self, global2sensor: np.ndarray) -> np.ndarray:
        """(N, 3) velocities in the frame of a sensor with that (4, 4) transform."""
        return (global2sensor[:3, :2] @ self.velocities[..., None])[..., 0]


def _column(rows: list[dict], name: str, width: int) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=float).reshape(-1, width)


def _attribute(nusc: NuScenes, annotation: dict, rig: Rig) -> int:
    if not annotation["attribute_tokens"] or rig.label_of(annotation["category_name"]) < 0:
        return rig.no_attribute
    return rig.attributes.index(nusc.get("attribute", annotation["attribute_tokens"][0])["name"])


def _visibility(nusc: NuScenes, annotation: dict) -> int:
    """Level of a row of ``sample_annotation``; tables that are not nuScenes' have other tokens."""
    token = annotation["visibility_token"]
    if not token:
        return -1
    if token in _LEVELS:
        return int(token)
    level = str(nusc.get("visibility", token)["level"])
    return int(level) if level in _LEVELS else _LEVEL_OF_SHARE.get(level, -1)
