"""Camera matrices that users give: reading them, and telling those that cannot be right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .errors import UserError

FOCAL_RANGE = (0.3, 3.0)
"""Focal lengths that are believed, in image widths: fields of view from 118 to 19 degrees."""

CENTRE_RANGE = (0.7, 1.4)
"""Principal points that are believed, as multiples of the image's centre. A matrix is taken for one
of another resolution when it is below the range, or above it, along both axes: a crop that keeps
the camera's axis in the picture seldom moves it along both by the same factor."""


def read_camera_matrix(path: str | Path) -> np.ndarray:
    """Read a camera matrix from a file.

    Args:
        path: a .json file that holds three lists of three numbers, bare or as ``cam2img``, or a
            .csv file of three rows of three numbers, with commas.

    Returns:
        The (3, 3) float64 matrix, pixels; not checked yet, see :func:`check_camera_matrix`.

    Raises:
        UserError: the file is missing or holds no 3x3 numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"camera matrix {path} does not exist: give a .csv or .json file.")
    try:
        if path.suffix.lower() == ".json":
            content = json.loads(path.read_text(encoding="utf-8"))
            content = content["cam2img"] if isinstance(content, dict) else content
            matrix = np.array(content, dtype=np.float64)
        else:
            matrix = np.loadtxt(path, delimiter=",", ndmin=2)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'camera matrix {path} is neither JSON ({{"cam2img": [[...], [...], [...]]}} or the '
            "bare list) nor three lines of three numbers with commas: rewrite it so."
        ) from error
    if matrix.shape != (3, 3):
        raise UserError(
            f"camera matrix {path} has the shape {_times(matrix.shape)}: give one of 3 x 3."
        )
    return matrix


def check_camera_matrix(matrix: np.ndarray, size: tuple[int, int], image: str) -> None:
    """Make sure that a camera matrix can be that of an image.

    Args:
        matrix: the camera matrix, pixels.
        size: (width, height) of the image, pixels.
        image: name of the image, for messages.

    Raises:
        UserError: the matrix is not 3x3 or not finite, its last row is not (0, 0, 1), a focal
            length is not positive or outside ``FOCAL_RANGE``, or the principal point is outside the
            image or that of another resolution (``CENTRE_RANGE``).
    """
    whose = f"the camera matrix of {image}"
    if np.shape(matrix) != (3, 3):
        raise UserError(f"{whose} has the shape {_times(np.shape(matrix))}: give one of 3 x 3.")
    if not np.isfinite(matrix).all():
        raise UserError(f"{whose} holds numbers that are not finite: correct them.")
    if not np.array_equal(matrix[2], (0, 0, 1)):
        raise UserError(f"{whose} has the last row {_numbers(matrix[2])}: it must be (0, 0, 1).")
    focal, centre = np.diag(matrix)[:2], matrix[:2, 2]
    if not (focal > 0).all():
        raise UserError(f"{whose} has the focal lengths {_numbers(focal)}: they must be positive.")
    if (centre < 0).any() or (centre > size).any():
        raise UserError(
            f"{whose} has its principal point {_numbers(centre)} outside the {_times(size)} image: "
            "was it calibrated at another resolution? Then scale its first two rows by the ratio."
        )
    low, high = FOCAL_RANGE
    widths = focal / size[0]
    if not ((widths >= low) & (widths <= high)).all():
        raise UserError(
            f"{whose} has focal lengths of {_numbers(widths)} image widths, where {low:g} to "
            f"{high:g} are sane: was it calibrated at another resolution than {_times(size)}? Then "
            "scale its first two rows by the ratio."
        )
    low, high = CENTRE_RANGE
    multiples = 2 * centre / size
    if (multiples < low).all() or (multiples > high).all():
        other = np.rint(2 * centre).astype(int)
        raise UserError(
            f"{whose} has its principal point {_numbers(centre)} where an image of {_times(other)} "
            f"has its centre, but the image is {_times(size)}: was it calibrated at another "
            "resolution? Then scale its first two rows by the ratio."
        )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"


def _numbers(values: np.ndarray) -> str:
    return f"({', '.join(f'{value:.4g}' for value in values)})"
