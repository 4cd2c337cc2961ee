"""Bits of an image file's channels: 8 are read as they are, of more only the highest 8."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import cv2
import numpy as np

from .errors import UserError

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH = 24  # where the header of a PNG file tells its bits
_ALWAYS_8 = (b"\xff\xd8\xff", b"BM", b"RIFF")  # JPEG, BMP, WebP


def channel_type(path: str | Path) -> np.dtype | None:
    """Type of an image file's channels as OpenCV decodes them.

    Palettes and fewer bits count as the 8 bits that they are decoded to. PNG, JPEG, BMP and WebP
    files are told by their first bytes; others are decoded.

    Args:
        path: the file.

    Returns:
        ``uint8`` of an ordinary image; None where OpenCV cannot read the file.
    """
    with open(path, "rb") as file:
        head = file.read(_PNG_DEPTH + 1)
    if head.startswith(_PNG) and len(head) > _PNG_DEPTH:
        return np.dtype(np.uint16 if head[_PNG_DEPTH] > 8 else np.uint8)
    if head.startswith(_ALWAYS_8):
        return np.dtype(np.uint8)
    image = _decoded(path)
    return None if image is None else image.dtype


def check_image_depth(path: str | Path) -> None:
    """Make sure that an image file has 8 bits a channel; a file that is no image passes.

    Of deeper ones a training or a test would read the highest 8 bits alone, which are nearly black
    where a camera of 12 bits fills the lower ones, and floating-point numbers as good as nothing.

    Args:
        path: the file.

    Raises:
        UserError: it has more; the message holds a command that converts it.
    """
    kind = channel_type(path)
    if kind is None or kind == np.uint8:
        return
    image = _decoded(path)
    highest = 0.0 if image is None else float(np.nan_to_num(_colours(image)).max())
    white = _white(highest, kind)
    number = "bits" if kind.kind in "iu" else "floating-point bits"
    raise UserError(
        f"the image {path} has {8 * kind.itemsize} {number} a channel (values up to {highest:g}) "
        f"where 8 are read: convert it with `{_command(Path(path), white)}`, which makes "
        f"{white:g} white."
    )


def _decoded(path: str | Path) -> np.ndarray | None:
    try:
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # of more pixels than it reads
        return None


def _colours(image: np.ndarray) -> np.ndarray:
    """Without alpha."""
    return image.reshape(*image.shape[:2], -1)[..., :3]


def _white(highest: float, kind: np.dtype) -> float:
    """The highest value of as many bits as an image uses; 1 of numbers about as large."""
    if kind.kind == "f" and highest < 2:
        return 1.0
    return float(2 ** max(8, int(np.ceil(highest)).bit_length()) - 1)


def _command(path: Path, white: float) -> str:
    names = str(path), f"{path.stem}_8bit.png"
    source, target = (json.dumps(name, ensure_ascii=False) for name in names)
    code = (
        f"import cv2; cv2.imwrite({target}, "
        f"cv2.convertScaleAbs(cv2.imread({source}, -1), alpha=255/{white:.0f}))"
    )
    return f"python -c {shlex.quote(code)}"
