"""Image files: there, whole, of the size that is said, and of 8 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from ...errors import UserError
from ...image_depth import channel_type, check_image_depth
from ...workers import uninterrupted_workers
from ..image_headers import ends_with, shown_size
from .findings import Finding, Kind, listed
from .listing import ListedImage

MISSING = Kind(
    "images that are missing", "unpack them there, or name the folder of the data with --root"
)
UNREADABLE = Kind(
    "images that are unreadable or cut short", "download or convert them again, or leave them out"
)
OTHER_SIZE = Kind(
    "images of another size than the file says",
    "write into it the size that they have, and the camera matrix and 2D boxes of that size",
)
DEEP = Kind("images of another depth than 8 bits", "convert them")

# With these a file ends that is whole; of one that ends otherwise, all is decoded.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_A_WORKER = 200  # images that are worth a process


@dataclass(frozen=True)
class ImageFile:
    """What the file of an image tells.

    Attributes:
        size: (width, height) as it is shown, pixels; None where it cannot be told.
        fault: what is wrong with it, if anything.
    """

    size: tuple[int, int] | None = None
    fault: Kind | None = None


def read_headers(paths: Sequence[str], workers: int = 1) -> dict[str, ImageFile]:
    """Look at image files.

    Args:
        paths: the files; an empty name is of none.
        workers: number of processes at most.

    Returns:
        What they tell, by path.

    Raises:
        UserError: the system killed a worker.
    """
    names = list(dict.fromkeys(filter(None, paths)))
    workers = min(workers, 1 + len(names) // _A_WORKER)
    if workers == 1:
        return dict(zip(names, _with_progress(map(look_at, names), len(names)), strict=True))
    try:
        with ProcessPoolExecutor(workers) as pool:
            with uninterrupted_workers():
                found = pool.map(look_at, names, chunksize=16)
            return dict(zip(names, _with_progress(found, len(names)), strict=True))
    except BrokenProcessPool as error:
        raise UserError(
            "a worker was killed, perhaps for lack of memory: give fewer --workers"
        ) from error


def look_at(path: str) -> ImageFile:
    """What one file tells; it is decoded only where its header does not do."""
    try:
        size = _size(path)
        kind = channel_type(path)
    except (FileNotFoundError, NotADirectoryError):
        return ImageFile(fault=MISSING)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ImageFile(fault=UNREADABLE)
    if kind is None:
        return ImageFile(fault=UNREADABLE)
    return ImageFile(size, None if kind == np.uint8 else DEEP)


def image_findings(images: Sequence[ListedImage], files: dict[str, ImageFile]) -> Iterator[Finding]:
    """What is wrong with the files of some images."""
    found = [(image, files[image.path]) for image in images if image.path]
    for kind in (MISSING, UNREADABLE):
        yield from listed(kind, [image.path for image, file in found if file.fault == kind])
    other = [
        f"{image.path} of {_times(file.size)}, not {_times(image.size)}"
        for image, file in found
        if None not in (file.size, image.size) and tuple(file.size) != tuple(image.size)
    ]
    yield from listed(OTHER_SIZE, other)
    deep = [image.path for image, file in found if file.fault == DEEP]
    for finding in listed(DEEP, deep):
        try:
            check_image_depth(deep[0])
        except UserError as error:
            told = str(error).removeprefix(f"the image {deep[0]} ")
            finding = finding.explained(f"it {told}")
        yield finding


def _times(size: Sequence[int]) -> str:
    return "x".join(map(str, size))


def _size(path: str) -> tuple[int, int] | None:
    try:
        with Image.open(path) as image:
            if not ends_with(path, _ENDS.get(image.format, b"")):
                image.load()
            return shown_size(image)
    except UnidentifiedImageError:  # perhaps of many bits, which OpenCV reads
        return None


def _with_progress(files: Iterator[ImageFile], total: int) -> list[ImageFile]:
    return list(tqdm(files, total=total, unit="image", desc="images"))
