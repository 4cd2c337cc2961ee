"""The file of predictions: written whole, and not over those of other images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError
from .whole_file import whole_file

if TYPE_CHECKING:
    from .apis.inputs import CameraImage

PREDICTIONS_FILE = "predictions.json"
"""Its name within the folder of the output."""


def check_same_images(path: Path, images: Sequence[CameraImage]) -> None:
    """Leave predictions of other images alone.

    Args:
        path: the file; it need not exist.
        images: whose predictions are to be written.

    Raises:
        UserError: the file there is of others, or of something else.
    """
    if not path.exists():
        return
    wanted = [(image.path, image.source) for image in images]
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["images"]
        same = all(
            each["path"] == name and source.items() <= each.items()
            for each, (name, source) in zip(found, wanted, strict=True)
        )
    except (KeyError, TypeError, ValueError):
        same = False
    if not same:
        raise UserError(
            f"{path} holds predictions of other images: name another folder, or replace them with "
            "--overwrite (overwrite=True)."
        )


def write_predictions(path: Path, content: dict) -> None:
    """Write a file of predictions so that it is there whole or not at all."""
    with whole_file(path) as draft:
        draft.write_text(json.dumps(content, allow_nan=False, indent=1), encoding="utf-8")
