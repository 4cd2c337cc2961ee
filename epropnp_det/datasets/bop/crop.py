"""Square crops around objects, and which pixel of the image a cell of the network's map stands for.

Pixels are those of BOP: the middle of the top left pixel is (0, 0).
"""

from __future__ import annotations

import cv2
import numpy as np

MARGIN = 1.5
"""Side of a crop by the longer side of the object's 2D box."""


def box_window(box: np.ndarray, margin: float = MARGIN) -> tuple[np.ndarray, float]:
    """Centre (2,) and side of the crop that a box asks for, see :func:`crop_window`.

    Args:
        box: (4,) x, y, width, height, pixels.
        margin: side of the crop by the longer side of the box.
    """
    x, y, width, height = np.asarray(box, float)
    return np.array([x + width / 2, y + height / 2]), max(width, height) * margin


def crop_window(
    center: np.ndarray, size: float, img_shape: tuple[int, int]
) -> tuple[np.ndarray, float]:
    """The crop that is cut when some centre and side are asked for: in whole pixels.

    The centre stays where the crop hangs over the border of the image.

    Args:
        center: (2,) x, y, pixels.
        size: side, pixels.
        img_shape: (height, width, ...) of the image.

    Returns:
        Centre (2,) float64 and side, whole numbers; the side is at least 1 and at most that of the
        image.

    Example:
        >>> crop_window((250.7, 200.3), 120.5, (480, 640))
        (array([250., 200.]), 120.0)
    """
    return np.trunc(np.asarray(center, float)), float(max(int(min(size, max(img_shape[:2]))), 1))


def crop_corner(center: np.ndarray, size: float) -> tuple[int, int]:
    """Column and row of the image's pixel that becomes the top left one of a crop."""
    left, top = np.floor(np.asarray(center, float) - size / 2 + 0.5).astype(int).tolist()
    return left, top


def cut_crop(
    image: np.ndarray,
    center: np.ndarray,
    size: float,
    out: int = 256,
    interpolation: int = cv2.INTER_LINEAR,
) -> np.ndarray:
    """Cut a crop out of an image and resize it; beyond the border of the image it is zero.

    Args:
        image: (H, W) or (H, W, C), of a type that OpenCV resizes.
        center: (2,) of :func:`crop_window`.
        size: of the same.
        out: side of the result, pixels.
        interpolation: OpenCV's, of the resizing.

    Returns:
        (out, out) or (out, out, C), of the image's type.
    """
    side = int(size)
    left, top = crop_corner(center, size)
    height, width = image.shape[:2]
    part = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if part.shape[:2] != (side, side):
        before = min(max(-top, 0), side), min(max(-left, 0), side)
        whole = np.zeros((side, side, *image.shape[2:]), image.dtype)
        rows, columns = part.shape[:2]
        whole[before[0] : before[0] + rows, before[1] : before[1] + columns] = part
        part = whole
    return cv2.resize(part, (out, out), interpolation=interpolation)


def inside_image(
    center: np.ndarray, size: float, img_shape: tuple[int, int], out: int = 256
) -> np.ndarray:
    """Which pixels (out, out) of a resized crop lie within the image, bool."""
    left, top = crop_corner(center, size)
    middles = (np.arange(out) + 0.5) * size / out
    rows, columns = middles + top, middles + left
    height, width = img_shape[:2]
    return ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))


def cell_pixels(center: np.ndarray, size: float, cells: int = 64) -> np.ndarray:
    """The pixel of the original image that each cell of a map stands for.

    Args:
        center: (2,) of the crop, x, y.
        size: of the crop.
        cells: side of the map.

    Returns:
        (cells, cells, 2) float64 by row and column: x, y = ``center - size / 2 + (column, row) *
        size / cells``.
    """
    steps = np.arange(cells) * (size / cells)
    x, y = (np.asarray(center, float) - size / 2)[:, None] + steps
    return np.stack(np.meshgrid(x, y), axis=-1)
