"""What a training leaves in its work folder."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError

_NUMBERED = re.compile(r"(?:epoch|iter)_(\d+)\.pth")


def latest_checkpoint(folder: str | Path) -> Path | None:
    """The checkpoint to go on from.

    The name that the file ``last_checkpoint`` holds is looked for in the folder itself, since the
    folder may have been moved; where it is not there, the checkpoint of the most epochs or
    iterations is taken.

    Args:
        folder: the work folder, as it is called now.

    Returns:
        The file; None where nothing was trained yet.

    Raises:
        UserError: ``last_checkpoint`` names one, and there is none.
    """
    folder = Path(folder)
    record = folder / "last_checkpoint"
    if record.is_file():
        told = record.read_text(encoding="utf-8", errors="replace").strip()
        named = folder / Path(told).name
        if named.is_file():
            return named
    numbered = {
        int(match[1]): path
        for path in folder.glob("*.pth")
        if (match := _NUMBERED.fullmatch(path.name))
    }
    if not numbered and record.is_file():
        raise UserError(
            f"{record} names {told}, and {folder} holds no "
            "checkpoint: name one with --resume FILE, or remove that record to start anew."
        )
    return numbered[max(numbered)] if numbered else None


def from_weights(checkpoint: str | Path) -> str:
    """What to say where a checkpoint cannot be resumed."""
    return (
        f"start from its weights with `--cfg-options load_from={checkpoint}` in place of --resume"
    )
