"""Frames and cameras: all fields there, nothing twice, matrices that a camera can have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ...camera_matrix import check_camera_matrix
from ...errors import UserError
from ..levelling import NOTICEABLE_TILT, tilt
from .findings import Finding, Kind, listed
from .listing import ListedImage, Listing

NO_FIELD = Kind("frames and images that lack a field", "write it, as docs/custom_data.md says")
SAME_NUMBER = Kind("sample_idx that several frames have", "number the frames from 0 on")
SAME_TOKEN = Kind("tokens that several frames have", "give every frame a token of its own")
SAME_IMAGE = Kind(
    "images that are listed twice", "list each once, with all of its objects, in one frame"
)
UNLABELLED = Kind(
    "images without a list in cam_instances, while others have one",
    "write one by the name of the camera, an empty one where the image shows no object",
)
NO_CAMERA = Kind("camera matrices that no camera has", "correct them")
TILTED = Kind(
    "cameras that are tilted and not turned level, so that all boxes lean",
    "`tools/create_data.py nuscenes --level` turns them",
    wrong=False,
)


def frame_findings(listing: Listing) -> Iterator[Finding]:
    """What is wrong with the frames of an info file."""
    yield from listed(NO_FIELD, listing.lacking)
    yield from listed(SAME_NUMBER, [str(number) for number in _twice(listing.sample_idx)])
    yield from listed(SAME_TOKEN, _twice(listing.tokens))
    yield from listed(SAME_IMAGE, _twice([x.path for x in listing.images if x.path]))
    if any(image.labelled for image in listing.images):
        yield from listed(UNLABELLED, [str(x) for x in listing.images if not x.labelled])


def camera_findings(
    images: Sequence[ListedImage], sizes: Sequence[tuple[int, int] | None]
) -> Iterator[Finding]:
    """What is wrong with the cameras of some images.

    Args:
        images: the images.
        sizes: (width, height) of each, pixels; None where it is not known.
    """
    faults = {}
    for image, size in zip(images, sizes, strict=True):
        if image.cam2img.size and size and (fault := camera_fault(image, size)):
            faults.setdefault(str(image), fault)
    for finding in listed(NO_CAMERA, list(faults)):
        yield finding.explained(faults[finding.example])
    tilted = {}
    for image in images:
        degrees = tilt_of(image)
        if image.homography is None and degrees is not None and degrees > NOTICEABLE_TILT:
            tilted.setdefault(image.camera, f"{image.camera} by {degrees:.0f} degrees")
    yield from listed(TILTED, list(tilted.values()))


def camera_fault(image: ListedImage, size: tuple[int, int]) -> str | None:
    """Why a matrix can be that of no camera, in words; None if it can."""
    matrix = image.cam2img
    if image.homography is not None and matrix.shape == (3, 3):
        # Turning an image level moves the principal point, even out of the image.
        matrix = matrix.copy()
        matrix[:2, 2] = np.divide(size, 2)
    try:
        check_camera_matrix(matrix, size, str(image))
    except UserError as error:
        return f"it {str(error).removeprefix(f'the camera matrix of {image} ')}"
    return None


def tilt_of(image: ListedImage) -> float | None:
    """Tilt of the camera of an image in degrees; None where its pose is not told."""
    pose = image.cam2ego
    return tilt(pose) if pose is not None and pose.shape == (4, 4) else None


def _twice(values: Sequence) -> list:
    return [value for value, count in Counter(values).items() if count > 1]
