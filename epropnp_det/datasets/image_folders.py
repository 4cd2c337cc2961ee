"""Where the images of an info file are."""

from __future__ import annotations

import os.path as osp
from collections.abc import Mapping, Sequence

from mmengine.fileio import exists


def image_folders(
    frames: Sequence[dict], usual: Mapping[str, str], others: Sequence[str]
) -> dict[str, str]:
    """Folder of each camera's images: the first of those in which the camera's first image is.

    Args:
        frames: entries of the info file's ``data_list``.
        usual: folder by camera; ``img`` is that of cameras without one of their own.
        others: where else to look.

    Returns:
        Folder by camera; the usual one where the image is nowhere.
    """
    folders = {}
    for frame in frames:
        for camera, image in frame.get("images", {}).items():
            if camera not in folders and "img_path" in image:
                places = (usual.get(camera, usual["img"]), *others)
                found = (p for p in places if exists(osp.join(p, image["img_path"])))
                folders[camera] = next(found, places[0])
    return folders
