"""What the first and the last bytes of an image file tell."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import ExifTags, Image

_SIDEWAYS = 5  # EXIF orientations from here on exchange width and height.


def shown_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) of an opened image as OpenCV decodes it, which heeds its orientation."""
    width, height = image.size
    sideways = image.getexif().get(ExifTags.Base.Orientation, 1) >= _SIDEWAYS
    return (height, width) if sideways else (width, height)


def ends_with(path: str | Path, marker: bytes) -> bool:
    """Whether the last bytes of a file are those with which its format ends."""
    with Path(path).open("rb") as file:
        file.seek(-len(marker), os.SEEK_END)
        return file.read() == marker
