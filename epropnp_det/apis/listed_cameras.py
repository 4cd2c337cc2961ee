"""Camera matrices of images that an info file lists, found by as much of a path as it takes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from ..datasets.info_file import read_info_file
from ..errors import UserError

_SHOWN = 3  # images of a message


class ListedCamera(NamedTuple):
    """What an info file tells of the camera of an image.

    Attributes:
        cam2img: (3, 3) float64 matrix, pixels.
        homography: (3, 3) from the stored image to that of a level camera, whose matrix it is; None
            where the file does not turn it.
    """

    cam2img: np.ndarray
    homography: np.ndarray | None = None


def listed_cameras(info_file: str | Path, paths: Sequence[str]) -> list[ListedCamera]:
    """Find the camera of each image.

    An image is the listed one whose path, with the camera's name before it, ends in most of the
    same folders: the info files of nuScenes list base names alone, each below its camera.

    Args:
        info_file: lists images and their cameras.
        paths: the images.

    Raises:
        UserError: the info file is unreadable, does not list an image, or lists several that it
            could be with different matrices.
    """
    # By end of a path: the numbers of the cameras whose images end so, each with one of these.
    listed: dict[tuple[str, ...], dict[tuple[float, ...], str]] = defaultdict(dict)
    for name, numbers in _listed_images(info_file):
        for end in _ends(name):
            listed[end].setdefault(numbers, str(name))
    return [_camera_of(path, listed, info_file) for path in paths]


def _listed_images(info_file: str | Path) -> Iterator[tuple[PurePath, tuple[float, ...]]]:
    """Images, and the numbers of their camera's matrix and of the homography, if any."""
    for frame in read_info_file(str(info_file))["data_list"]:
        for camera, view in frame.get("images", {}).items():
            if "img_path" in view:  # KITTI's lists cameras without images
                matrix = np.array(view["cam2img"], dtype=np.float64)[:3, :3]
                turned = np.array(view.get("homography", ()), dtype=np.float64)
                yield PurePath(camera, view["img_path"]), (*matrix.ravel(), *turned.ravel())


def _camera_of(
    path: str, listed: dict[tuple[str, ...], dict], info_file: str | Path
) -> ListedCamera:
    ends = _ends(PurePath(os.path.abspath(path)))
    found = next((listed[end] for end in ends if end in listed), None)
    mend = "or the camera matrix in a .csv or .json file"
    if found is None:
        name = Path(path).name
        raise UserError(
            f"info file {info_file} does not list {name}: give the one that does, {mend}."
        )
    if len(found) > 1:
        shown = ", ".join([*found.values()][:_SHOWN]) + ("" if len(found) <= _SHOWN else ", ...")
        raise UserError(
            f"{path} could be any of {shown} in info file {info_file}, whose camera matrices "
            f"differ: give the image in the folders that tell them apart, {mend}."
        )
    (numbers,) = found
    return ListedCamera(*np.array(numbers).reshape(-1, 3, 3))


def _ends(path: PurePath) -> Iterator[tuple[str, ...]]:
    """The path's parts without the first, without the first two and so on; the longest first."""
    return (path.parts[start:] for start in range(len(path.parts)))
