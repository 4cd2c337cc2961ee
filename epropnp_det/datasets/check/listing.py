"""Info files of nuScenes, KITTI and one's own, read into one form."""

from __future__ import annotations

import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..image_folders import image_folders
from ..kitti_calibration import camera_offset
from ..nuscenes_names import CAMERAS
from ..rig import Rig

_KITTI_CAMERA = "CAM2"
# Numbers of each field of an object.
_WIDTHS = {
    "bbox_label_3d": 1,
    "bbox_label": 1,
    "bbox": 4,
    "bbox_3d": 7,
    "center_2d": 2,
    "depth": 1,
    "velocity": 2,
    "attr_label": 1,
    "bbox_3d_isvalid": 1,
    "num_lidar_pts": 1,
    "visibility": 1,
}
_OPTIONAL = {"num_lidar_pts", "visibility"}
_NOT_KITTI = {"velocity", "attr_label", "bbox_3d_isvalid"}


@dataclass(frozen=True)
class ListedImage:
    """An image as an info file has it.

    Attributes:
        frame: name of its frame: the token, else ``sample_idx``.
        camera: name of its camera.
        path: the file; empty where none is named.
        size: (width, height), None where it is not told.
        cam2img: (3, 3) camera matrix, or whatever stands in its place; empty where nothing does.
        cam2ego: (4, 4) pose of the camera, None where it is not told.
        homography: (3, 3) by which the image is turned level, None of others.
        labelled: whether there is a list of its objects, be it empty.
    """

    frame: str
    camera: str
    path: str
    size: tuple[int, int] | None
    cam2img: np.ndarray
    cam2ego: np.ndarray | None
    homography: np.ndarray | None
    labelled: bool

    def __str__(self) -> str:
        return f"{self.camera} of frame {self.frame}"


@dataclass(frozen=True)
class Objects:
    """The objects of all images, N; NaN where a number is not there.

    Attributes:
        image: (N,) number of their image in the listing.
        number: (N,) place in the list of that image.
        label: (N,) of the class, -1 of objects to be passed over, -2 of what is no label.
        box: (N, 7) gravity centre, l, h, w and yaw in the frame of the image's camera, metres and
            radians.
        fields: by the name that the info file has for it, (N, width) as it stands there.
        lacks: (N,) name of a field that is not there or holds something else; empty if none is.
    """

    image: np.ndarray
    number: np.ndarray
    label: np.ndarray
    box: np.ndarray
    fields: Mapping[str, np.ndarray]
    lacks: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    @property
    def kept(self) -> np.ndarray:
        """(N,) those of a class that a training keeps by default: with LiDAR or radar points."""
        valid = self.fields.get("bbox_3d_isvalid")
        points = np.ones(len(self), bool) if valid is None else valid[:, 0] > 0
        return (self.label >= 0) & points


@dataclass(frozen=True)
class Listing:
    """Content of an info file.

    Attributes:
        dataset: what it calls its data.
        rig: what it was made from; nuScenes' where it does not tell.
        frames: number of frames.
        images: all images.
        objects: their objects.
        classes: name by label, empty where the file does not tell.
        lacking: fields that frames and images lack, in words.
        sample_idx, tokens: of the frames that have them.
    """

    dataset: str
    rig: Rig
    frames: int
    images: Sequence[ListedImage]
    objects: Objects
    classes: Mapping[int, str]
    lacking: Sequence[str]
    sample_idx: Sequence[int]
    tokens: Sequence[str]

    def class_name(self, label: int) -> str:
        """Name of the class of a label."""
        return self.classes.get(label, f"class {label}")

    def object_name(self, i: int) -> str:
        """What to call object i of all."""
        objects = self.objects
        return (
            f"object {objects.number[i]} ({self.class_name(int(objects.label[i]))}) of "
            f"{self.images[objects.image[i]]}"
        )


def read_listing(content: dict, info_file: str | Path, root: str | Path) -> Listing:
    """What an info file lists.

    Args:
        content: of the file, as :func:`read_info_file` returns it.
        info_file: the file, beside which images may be.
        root: folder of the data.
    """
    metainfo, frames = content["metainfo"], content["data_list"]
    kitti = str(metainfo.get("dataset", "")).lower() == "kitti"
    needed = ["sample_idx"] if kitti else ["sample_idx", "token", "ego2global"]
    lacking = [
        f"frame {name} has no {key}"
        for name, frame in map(_named, enumerate(frames))
        for key in needed
        if key not in frame
    ]
    folders = _folders(frames, info_file, root, kitti)
    images, lists = [], []
    for name, frame in map(_named, enumerate(frames)):
        for camera, entry in frame.get("images", {}).items():
            if kitti and camera != _KITTI_CAMERA:
                continue
            objects = frame.get("instances") if kitti else _of_camera(frame, camera)
            image = _image(name, camera, entry, folders, objects is not None, kitti)
            lacking += [f"{image} has no {k}" for k in ("img_path", "cam2img") if k not in entry]
            images.append(image)
            lists.append((entry, objects or ()))
    return Listing(
        dataset=str(metainfo.get("dataset", "own data")),
        rig=Rig.of_metainfo(metainfo),
        frames=len(frames),
        images=images,
        objects=_objects(lists, kitti),
        classes=_classes(metainfo),
        lacking=lacking,
        sample_idx=[frame["sample_idx"] for frame in frames if "sample_idx" in frame],
        tokens=[frame["token"] for frame in frames if "token" in frame],
    )


def _named(numbered: tuple[int, dict]) -> tuple[str, dict]:
    number, frame = numbered
    return str(frame.get("token", frame.get("sample_idx", number))), frame


def _of_camera(frame: dict, camera: str) -> list[dict] | None:
    return frame.get("cam_instances", {}).get(camera)


def _folders(
    frames: Sequence[dict], info_file: str | Path, root: str | Path, kitti: bool
) -> dict[str, str]:
    """Where the data sets look for the images of each camera."""
    if kitti:
        part = "training" if any(frame.get("instances") for frame in frames) else "testing"
        usual = {"img": osp.join(root, part, "image_2")}
    else:
        usual = {name: osp.join(root, "samples", name) for name in CAMERAS} | {"img": str(root)}
    return image_folders(frames, usual, (str(root), osp.dirname(info_file)))


def _image(
    frame: str, camera: str, entry: dict, folders: Mapping[str, str], labelled: bool, kitti: bool
) -> ListedImage:
    path = entry.get("img_path")
    size = entry.get("width"), entry.get("height")
    cam2img = _array(entry.get("cam2img"))
    return ListedImage(
        frame=frame,
        camera=camera,
        path=osp.normpath(osp.join(folders[camera], path)) if path else "",
        size=None if None in size else size,
        # KITTI's holds the way from camera 0 in its fourth column.
        cam2img=cam2img[:3, :3] if kitti and cam2img.ndim == 2 else cam2img,
        cam2ego=_array(entry["cam2ego"]) if "cam2ego" in entry else None,
        homography=_array(entry["homography"]) if "homography" in entry else None,
        labelled=labelled,
    )


def _array(value: object) -> np.ndarray:
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        return np.empty(0)


def _classes(metainfo: Mapping) -> dict[int, str]:
    names = metainfo.get("categories", metainfo.get("classes", metainfo.get("CLASSES", ())))
    if isinstance(names, Mapping):
        return {i: name for name, i in names.items() if i >= 0}
    return dict(enumerate(names))


def _objects(lists: Sequence[tuple[dict, Sequence[dict]]], kitti: bool) -> Objects:
    widths = {key: w for key, w in _WIDTHS.items() if not (kitti and key in _NOT_KITTI)}
    counts = [len(objects) for _, objects in lists]
    everything = [each for _, objects in lists for each in objects]
    fields, lacks = {}, np.full(len(everything), "", dtype=object)
    for key, width in reversed(widths.items()):
        values, fits = _column(everything, key, width)
        if key not in _OPTIONAL:
            lacks[~fits] = key
        if key not in _OPTIONAL or fits.any():
            fields[key] = values
    box = fields["bbox_3d"].copy()
    if kitti:
        offsets = [_offset(entry) for entry, _ in lists]
        box[:, :3] += np.repeat(np.reshape(offsets, (-1, 3)), counts, axis=0)
        box[:, 1] -= box[:, 4] / 2
    return Objects(
        image=np.repeat(np.arange(len(lists)), counts),
        number=np.concatenate([np.arange(0), *map(np.arange, counts)]),
        label=_whole(fields["bbox_label_3d"][:, 0]),
        box=box,
        fields=fields,
        lacks=lacks,
    )


def _column(objects: Sequence[dict], key: str, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers (N, width) of a field, and whether each object (N,) has so many there."""
    shape = () if width == 1 else (width,)
    values = [each.get(key) for each in objects]
    whole = _array(values)
    fits = np.ones(len(values), bool)
    if whole.shape != (len(values), *shape) or any(value is None for value in values):
        rows = [np.empty(0) if value is None else _array(value) for value in values]
        fits = np.array([row.shape == shape for row in rows], bool)
        whole = [
            row if fit else np.full(shape, np.nan) for row, fit in zip(rows, fits, strict=True)
        ]
    return np.reshape(whole, (-1, width)), fits


def _whole(values: np.ndarray) -> np.ndarray:
    return np.where(values % 1 == 0, values, -2).astype(int)


def _offset(entry: dict) -> np.ndarray:
    """Where KITTI's camera 0 lies in the frame of camera 2, which took the image."""
    projection = _array(entry.get("cam2img"))
    if projection.shape not in ((3, 4), (4, 4)):
        return np.zeros(3)
    try:
        return camera_offset(projection)
    except np.linalg.LinAlgError:
        return np.full(3, np.nan)
