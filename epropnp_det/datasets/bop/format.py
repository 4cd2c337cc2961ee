"""Scenes of the BOP benchmark as they lie on the disk, in BOP's own units: pixels, millimetres.

A split is a folder of scenes, a scene a folder named by its number, which holds
``scene_camera.json``, ``scene_gt.json``, ``scene_gt_info.json`` and the images in ``rgb`` or
``gray``. The format:
https://github.com/thodan/bop_toolkit/blob/master/docs/bop_datasets_format.md
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UserError
from .bop_json import by_number, read_json, taken
from .rotations import are_rotations

_FOLDERS = ("rgb", "gray")
_SUFFIXES = (".png", ".jpg", ".tif", ".jpeg", ".tiff")

_DIGITS = 6

IMAGE_FILES = tuple(f"{folder}/{{:06d}}{suffix}" for folder in _FOLDERS for suffix in _SUFFIXES)
"""How the image of a number may be called within its scene."""


@dataclass(frozen=True)
class Truth:
    """The N annotated objects of a scene, ordered by image and by their place in its list.

    Attributes:
        row: (N,) index of the image among those of the scene.
        gt_index: (N,) position in the image's list.
        obj_id: (N,) number of the object's model.
        rotation: (N, 3, 3) model to camera.
        translation: (N, 3) model to camera, mm.
        bbox_obj: (N, 4) x, y, width, height of the whole object, pixels; it may leave the image.
        bbox_visib: (N, 4) the same of its visible part; -1 where nothing is visible.
        visib_fract: (N,) visible fraction of the object's silhouette.
    """

    row: np.ndarray
    gt_index: np.ndarray
    obj_id: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    bbox_obj: np.ndarray
    bbox_visib: np.ndarray
    visib_fract: np.ndarray


@dataclass(frozen=True)
class Scene:
    """The I images of a scene and what is annotated in them.

    Attributes:
        folder: of the scene.
        scene_id: its number.
        im_ids: (I,) numbers of the images, ascending.
        image_files: (I,) indices into ``IMAGE_FILES``.
        cam2img: (I, 3, 3) intrinsics, pixels.
        truth: the annotated objects, None where they were not asked for.
    """

    folder: Path
    scene_id: int
    im_ids: np.ndarray
    image_files: np.ndarray
    cam2img: np.ndarray
    truth: Truth | None

    def image_path(self, row: int) -> Path:
        """The file of an image, by its index."""
        return self.folder / IMAGE_FILES[self.image_files[row]].format(self.im_ids[row])


def scene_folders(split: Path) -> dict[int, Path]:
    """Folder of each scene of a split, by its number, ascending.

    Raises:
        UserError: there is no such folder, or no scene in it.
    """
    if not split.is_dir():
        raise UserError(f"{split} is not a folder: set data_root and split to folders that exist.")
    folders = {
        int(path.name): path
        for path in split.iterdir()
        if path.name.isdecimal() and len(path.name) == _DIGITS
    }
    if not folders:
        raise UserError(
            f"{split} has no scene, that is no folder named by six digits such as 000001: "
            "unpack the archive of the split there, or set another split."
        )
    return dict(sorted(folders.items()))


def read_scene(folder: Path, with_truth: bool = True) -> Scene:
    """Read a scene.

    Args:
        folder: of the scene; its name is the scene's number.
        with_truth: whether to read what is annotated.

    Raises:
        UserError: a file is missing, cut short or not of BOP's form, or an image is missing.
    """
    path = folder / "scene_camera.json"
    cameras = by_number(read_json(path, dict), path)
    im_ids = np.fromiter(cameras, int, len(cameras))
    values = taken(path, lambda: np.array([each["cam_K"] for each in cameras.values()], float))
    cam2img = taken(path, lambda: values.reshape(len(im_ids), 3, 3))
    if not np.isfinite(cam2img).all() or (cam2img[:, [0, 1], [0, 1]] <= 0).any():
        raise UserError(
            f"{path} has a cam_K without focal length: BOP has it row by row, in pixels."
        )
    truth = _read_truth(folder, im_ids) if with_truth else None
    return Scene(folder, int(folder.name), im_ids, _image_files(folder, im_ids), cam2img, truth)


def _image_files(folder: Path, im_ids: np.ndarray) -> np.ndarray:
    """Indices (I,) into ``IMAGE_FILES`` of the images' files; one listing of a folder, no more."""
    images = next((folder / name for name in _FOLDERS if (folder / name).is_dir()), None)
    if images is None:
        raise UserError(
            f"{folder} has no folder rgb or gray: unpack the images of the split there."
        )
    kinds = {name: index for index, name in enumerate(IMAGE_FILES)}
    found = {}
    for name in os.listdir(images):
        stem, suffix = os.path.splitext(name)
        kind = kinds.get(f"{images.name}/{{:06d}}{suffix}")
        if kind is not None and len(stem) == _DIGITS and stem.isdecimal():
            found[int(stem)] = min(kind, found.get(int(stem), kind))
    missing = [int(number) for number in im_ids if number not in found]
    if missing:
        raise UserError(
            f"{images} lacks {len(missing)} of the {len(im_ids)} images of the scene, such as "
            f"{missing[0]:06d}.png: unpack the images of the split again."
        )
    return np.array([found[number] for number in im_ids.tolist()], int)


def _read_truth(folder: Path, im_ids: np.ndarray) -> Truth:
    path, info_path = folder / "scene_gt.json", folder / "scene_gt_info.json"
    images = by_number(read_json(path, dict), path)
    infos = by_number(read_json(info_path, dict), info_path)
    rows = {number: row for row, number in enumerate(im_ids.tolist())}
    for number, objects in images.items():
        if number not in rows:
            raise UserError(f"{path} has image {number}, which scene_camera.json has not.")
        counts = [
            taken(path, lambda each=each: len(each)) for each in (objects, infos.get(number, ()))
        ]
        if counts[0] != counts[1]:
            raise UserError(
                f"{info_path} has {counts[1]} objects in image {number} where scene_gt.json has "
                f"{counts[0]}: make it anew with the BOP toolkit's calc_gt_info.py."
            )
    flat = [each for objects in images.values() for each in objects]
    info = [each for number in images for each in infos[number]]
    where = [(rows[n], i) for n, objects in images.items() for i in range(len(objects))]
    row, gt_index = np.array(where, int).reshape(-1, 2).T
    truth = Truth(
        row,
        gt_index,
        _column(path, flat, "obj_id", (), int),
        _column(path, flat, "cam_R_m2c", (3, 3)),
        _column(path, flat, "cam_t_m2c", (3,)),
        _column(info_path, info, "bbox_obj", (4,)),
        _column(info_path, info, "bbox_visib", (4,)),
        _column(info_path, info, "visib_fract", ()),
    )
    _check_poses(path, truth, im_ids)
    return truth


def _column(
    path: Path, entries: list[dict], key: str, shape: tuple, kind: type = float
) -> np.ndarray:
    """One value of every entry, (N, *shape)."""
    return taken(
        path, lambda: np.array([each[key] for each in entries], kind).reshape(len(entries), *shape)
    )


def _check_poses(path: Path, truth: Truth, im_ids: np.ndarray) -> None:
    wrong = ~are_rotations(truth.rotation) | ~np.isfinite(truth.translation).all(axis=1)
    if wrong.any():
        first = int(wrong.argmax())
        raise UserError(
            f"{path}: object {truth.gt_index[first]} of image {im_ids[truth.row[first]]} has a "
            "cam_R_m2c that is no rotation or a cam_t_m2c that is no number: correct it or leave "
            "the image out."
        )
