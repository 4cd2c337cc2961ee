"""The models that pictures of poses are drawn with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...evaluation.bop import EvaluatedModel, read_evaluated_models


def drawable_models(folder: Path | None, obj_ids: Iterable[int]) -> dict[int, EvaluatedModel]:
    """Models by number, of those objects that have a file of their surface.

    Args:
        folder: of ``models_info.json`` and ``obj_000001.ply`` and so on; None if there is none.
        obj_ids: the objects.

    Raises:
        UserError: a file is cut short or not of BOP's form.
    """
    if folder is None:
        return {}
    there = [obj_id for obj_id in obj_ids if (folder / f"obj_{obj_id:06d}.ply").is_file()]
    return read_evaluated_models(folder, there)
