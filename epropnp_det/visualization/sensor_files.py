"""Sensor data of a dataroot, or one sentence on what is wrong with its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UserError


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Turn what reading a file raises into a sentence.

    Raises:
        UserError: the file is missing or broken.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: unpack it there or name another --root") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not readable ({error}): download it again") from error


def read_image(path: str | Path) -> np.ndarray:
    """An image (H, W, 3), RGB.

    Raises:
        UserError: the file is missing or broken.
    """
    with readable(path), Image.open(path) as file:
        return np.asarray(file.convert("RGB"))
