"""What an evaluation needs to know of the models."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...datasets.bop.bop_json import by_number, read_json, taken
from ...datasets.bop.models import ObjectModel, read_mesh
from ...datasets.bop.symmetries import Symmetries
from ...errors import UserError
from .pose_errors import ModelPoints

_MM = 1e-3

FOLDERS = ("models_eval", "models")
"""Where models are looked for: BOP measures with the ones that were made for it."""


@dataclass(frozen=True, eq=False)
class EvaluatedModel:
    """A model, its lengths in millimetres.

    Attributes:
        obj_id: BOP's number.
        diameter: greatest distance between two points.
        points: its vertices.
        symmetries: of ``models_info.json``.
        symmetric: whether ADD-S stands for ADD.
        surface: for rendering.
    """

    obj_id: int
    diameter: float
    points: ModelPoints
    symmetries: Symmetries
    symmetric: bool
    surface: ObjectModel


def model_folder(root: Path, name: str | None = None) -> Path:
    """The folder of the models.

    Args:
        root: of the data set.
        name: of the folder; by default ``models_eval`` or, if that is absent, ``models``.

    Raises:
        UserError: it is not there.
    """
    names = (name,) if name else FOLDERS
    for each in names:
        if (root / each).is_dir():
            return root / each
    raise UserError(
        f"{root} has no folder {' or '.join(names)}: unpack the models of the data set there, or "
        "set the evaluator's models."
    )


def read_evaluated_models(
    folder: Path, obj_ids: Sequence[int] | None = None, symmetric: Collection[int] | None = None
) -> dict[int, EvaluatedModel]:
    """Read models by their number.

    Args:
        folder: of ``models_info.json`` and ``obj_000001.ply`` and so on.
        obj_ids: the objects; all of ``models_info.json`` by default.
        symmetric: numbers of those that ADD-S is for; by default those with a symmetry.

    Raises:
        UserError: a file is missing, cut short or not of BOP's form, or an object is unknown.
    """
    path = folder / "models_info.json"
    infos = by_number(read_json(path, dict), path)
    asked = dict.fromkeys([*(infos if obj_ids is None else obj_ids), *(symmetric or ())])
    for obj_id in asked:
        if obj_id not in infos:
            raise UserError(
                f"{path} has no object {obj_id}, which the evaluator's objects or symmetric name: "
                f"it has {', '.join(map(str, infos))}."
            )
    models = {}
    for obj_id in infos if obj_ids is None else obj_ids:
        info = infos[obj_id]
        symmetries = taken(path, lambda info=info: Symmetries.of_info(info))
        diameter = taken(path, lambda info=info: float(info["diameter"]))
        if not diameter > 0:
            raise UserError(f"{path}: the diameter of object {obj_id} is {diameter:g}: correct it.")
        mesh = read_mesh(folder / f"obj_{obj_id:06d}.ply")
        points = mesh.vertices.astype(float) / _MM
        low = points.min(axis=0)
        surface = ObjectModel(
            obj_id, diameter * _MM, low * _MM, np.ptp(points, axis=0) * _MM, Symmetries.none(), mesh
        )
        _check_length(path, obj_id, diameter, points)
        # ADD-S of those alone that are listed; without a list of those that have a symmetry.
        alike = len(symmetries) > 1 if symmetric is None else obj_id in symmetric
        models[obj_id] = EvaluatedModel(
            obj_id, diameter, ModelPoints(points), symmetries, alike, surface
        )
    return models


def _check_length(path: Path, obj_id: int, diameter: float, points: np.ndarray) -> None:
    size = np.ptp(points, axis=0)
    if not 0.9 * size.max() <= diameter <= 1.1 * np.linalg.norm(size):
        raise UserError(
            f"{path}: the diameter of object {obj_id}, {diameter:g}, does not go with its model, "
            f"which is {' x '.join(f'{side:.4g}' for side in size)}: both must be in millimetres."
        )
