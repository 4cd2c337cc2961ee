"""The motions of an object that leave it as it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

MAX_STEP = 0.01
"""BOP's longest way of a point between two motions of a continuous symmetry, in diameters."""


@dataclass(frozen=True, eq=False)
class Symmetries:
    """S motions x -> R x + t in the model's frame, the first of which is the identity.

    Attributes:
        rotation: (S, 3, 3).
        translation: (S, 3), mm as in BOP's files unless said otherwise.
    """

    rotation: np.ndarray
    translation: np.ndarray

    def __len__(self) -> int:
        return len(self.rotation)

    @classmethod
    def none(cls) -> Symmetries:
        """Those of an object that looks different from everywhere: the identity alone."""
        return cls(np.eye(3)[None], np.zeros((1, 3)))

    def scaled(self, unit: float) -> Symmetries:
        """The same in a unit of length of which the present one has ``unit``."""
        return Symmetries(self.rotation, self.translation * unit)

    @classmethod
    def of_info(cls, info: Mapping, max_step: float = MAX_STEP) -> Symmetries:
        """The symmetries that an entry of BOP's ``models_info.json`` names.

        A continuous symmetry becomes ceil(pi / max_step) equal turns about its axis. With discrete
        ones beside it, every turn follows every one of them, and the identity. See BOP's
        challenge of 2019, https://bop.felk.cvut.cz/challenges/bop-challenge-2019.

        Args:
            info: may have ``symmetries_discrete``, 4x4 matrices row by row, in mm, and
                ``symmetries_continuous``, each with ``axis`` and ``offset``, a point on it, in mm.
            max_step: longest way of a point between two turns, in diameters.

        Raises:
            KeyError, TypeError, ValueError: an entry is of another form, a matrix is no rigid
                motion, or an axis has no length.
        """
        discrete = [np.eye(4)] + [
            _motion(each) for each in info.get("symmetries_discrete") or () if len(each)
        ]
        turns = [_turns(each, max_step) for each in info.get("symmetries_continuous") or ()]
        first = np.array(discrete)
        second = np.concatenate(turns) if turns else np.eye(4)[None]
        motions = (second[None] @ first[:, None]).reshape(-1, 4, 4)
        return cls(motions[:, :3, :3].copy(), motions[:, :3, 3].copy())


def _motion(values: list[float]) -> np.ndarray:
    motion = np.array(values, float).reshape(4, 4)
    rotation = motion[:3, :3]
    off = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if not off < 1e-2 or np.linalg.det(rotation) < 0:
        raise ValueError("a discrete symmetry is no rigid motion")
    return motion


def _turns(symmetry: Mapping, max_step: float) -> np.ndarray:
    """Turns (S, 4, 4) about an axis."""
    axis, offset = (np.array(symmetry[key], float).reshape(3) for key in ("axis", "offset"))
    length = np.linalg.norm(axis)
    if not length > 0:
        raise ValueError("the axis of a continuous symmetry has no length")
    count = int(np.ceil(np.pi / max_step))
    angles = 2 * np.pi / count * np.arange(count)
    motions = np.tile(np.eye(4), (count, 1, 1))
    motions[:, :3, :3] = Rotation.from_rotvec(angles[:, None] * (axis / length)).as_matrix()
    motions[:, :3, 3] = offset - motions[:, :3, :3] @ offset
    return motions
