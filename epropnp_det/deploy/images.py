"""Images, as the exported graphs want them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..errors import UserError
from ..image_depth import check_image_depth


def read_image(path: str | Path) -> np.ndarray:
    """Read an image file.

    Args:
        path: the file.

    Returns:
        (H, W, 3) uint8, BGR, turned as the file says.

    Raises:
        UserError: the file is missing, no image, or has more than 8 bits a channel.
    """
    if not Path(path).is_file():
        raise UserError(f"the image {path} does not exist: correct the path.")
    check_image_depth(path)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{path} is not an image that can be read: convert it to .png.")
    return image
