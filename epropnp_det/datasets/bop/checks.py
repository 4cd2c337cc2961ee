"""What can be wrong with a scene's images, boxes and poses, said before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from scipy.spatial.transform import Rotation

from ...errors import UserError
from ...image_depth import check_image_depth
from ..image_headers import shown_size
from .bop_json import read_json, taken
from .format import Scene
from .models import ObjectModel

# The box around a projected 3D box is up to about twice that of the object within.
_LEAST_RATIO, _GREATEST_RATIO = 0.4, 3.0

# Of an object that is visible to this fraction, either box is that of all of it.
_CLEAR = 0.9


def image_size(scene: Scene, root: Path) -> tuple[int, int]:
    """(width, height) of a scene's images, by its first one.

    Args:
        scene: of at least one image.
        root: the data set's folder, whose ``camera.json`` is looked at if it is there.

    Raises:
        UserError: the image cannot be read, is deeper than 8 bits, or is of another size than the
            camera takes.
    """
    path = scene.image_path(0)
    width, height = _size(path)
    check_image_depth(path)
    center = scene.cam2img[0, :2, 2]
    if not ((center > 0) & (center < (width, height))).all():
        raise UserError(
            f"{path} is {width} x {height}, and the centre {center[0]:g}, {center[1]:g} of its "
            "cam_K lies outside: images that were resized or cut need another cam_K."
        )
    _check_camera(scene, path, (width, height), root / "camera.json")
    return width, height


def _check_camera(scene: Scene, image: Path, size: tuple[int, int], path: Path) -> None:
    """Images of the camera that a data set names are of its size; splits may have other cameras."""
    if not path.is_file():
        return
    camera = read_json(path, dict)
    named = taken(
        path, lambda: [camera[key] for key in ("fx", "fy", "cx", "cy", "width", "height")]
    )
    own = scene.cam2img[0][[0, 1, 0, 1], [0, 1, 2, 2]]
    if np.allclose(named[:4], own, rtol=1e-4) and tuple(named[4:]) != size:
        raise UserError(
            f"{image} is {size[0]} x {size[1]} where {path} has {named[4]} x {named[5]} for the "
            "camera of the same cam_K: take images of that size, or scale cam_K with them."
        )


def check_boxes(items: np.ndarray, scene: Scene, size: tuple[int, int], origin: Path) -> None:
    """Make sure that every box has an area and touches its image.

    Args:
        items: records (N,) of ``ITEM`` of the scene.
        scene: its images may differ in size.
        size: (width, height) of its first image.
        origin: the file of the boxes.

    Raises:
        UserError: naming the first that does not.
    """
    for item in items[~touches_image(items["box"], size)]:
        path = scene.image_path(int(np.searchsorted(scene.im_ids, item["im_id"])))
        width, height = _size(path)
        if not touches_image(item["box"], (width, height)):
            box = ", ".join(f"{value:g}" for value in item["box"])
            raise UserError(
                f"{origin}: the box {box} (x, y, width, height) is empty or outside of its image "
                f"{path}, which is {width} x {height}: take boxes of these images, in pixels, or "
                "leave it out."
            )


def touches_image(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which boxes have an area and a part of it within the image.

    Args:
        box: (..., 4) x, y, width, height, pixels.
        size: (width, height) of the image.

    Returns:
        (...) bool.
    """
    first, extent = box[..., :2], box[..., 2:]
    return ((extent > 0) & (first < size) & (first + extent > 0)).all(axis=-1)


def _size(path: Path) -> tuple[int, int]:
    """(width, height) of an image, by its header."""
    try:
        with Image.open(path) as image:
            return shown_size(image)
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path} is not a readable image: unpack it again.") from error


def check_poses(items: np.ndarray, models: Mapping[int, ObjectModel], origin: Path) -> None:
    """Make sure that poses are ahead of the camera, and show objects about as large as their boxes.

    Args:
        items: records (N,) of ``ITEM``, true objects.
        models: by label.
        origin: where the poses come from.

    Raises:
        UserError: an object is behind its camera; or the most visible one of some model is far from
            as large as its box, as where models, poses or cameras are in other units.
    """
    behind = items["pose"][:, 2] <= 0
    if behind.any():
        item = items[int(behind.argmax())]
        raise UserError(
            f"{origin}: object {item['gt_index']} of image {item['im_id']} is behind the camera: "
            "cam_t_m2c goes from the model to the camera, with z ahead."
        )
    for label, model in models.items():
        clear = items[(items["label"] == label) & (items["visib_fract"] > _CLEAR)]
        if not len(clear):
            continue
        item = clear[clear["visib_fract"].argmax()]
        ratio = _projected_extent(model, item) / item["box"][2:].max()
        if ratio < _LEAST_RATIO or ratio > _GREATEST_RATIO:
            raise UserError(
                f"{origin}: by its pose object {model.obj_id} in image {item['im_id']} would be "
                f"{ratio:.2g} times as large as its box: models and cam_t_m2c must both be in "
                "millimetres, and cam_K in pixels of these images."
            )


def _projected_extent(model: ObjectModel, item: np.ndarray) -> float:
    """Longer side of the box around a model's projected corners, pixels; inf if one is behind."""
    rotation = Rotation.from_quat(item["pose"][3:], scalar_first=True).as_matrix()
    corners = model.corners() @ rotation.T + item["pose"][:3]
    if (corners[:, 2] <= 0).any():
        return np.inf
    pixels = corners @ item["cam2img"].T
    return float(np.ptp(pixels[:, :2] / pixels[:, 2:], axis=0).max())
