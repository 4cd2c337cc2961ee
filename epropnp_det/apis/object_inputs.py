"""Known objects in images, from whatever a user names: boxes, or a data set in BOP's format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from mmdet.datasets.transforms import LoadImageFromNDArray
from mmengine.dataset import Compose

from ..datasets.bop import BOPDataset
from ..datasets.bop.checks import touches_image
from ..errors import UserError
from .inputs import CameraImage, VideoFrames, gather
from .known_objects import KnownObjects


@dataclass(frozen=True)
class ImageObjects:
    """An image, and which objects are to be found where in it.

    Attributes:
        image: the image and its camera.
        items: of each object what a pipeline takes, as :class:`BOPDataset` tells it.
    """

    image: CameraImage
    items: Sequence[dict]

    def __len__(self) -> int:
        return len(self.items)

    def crops(self, pipeline: Compose) -> Iterator[dict]:
        """What the network takes of each object; the image is loaded once.

        Args:
            pipeline: of a config, the loader first.
        """
        loader, *steps = pipeline.transforms
        loaded = self._loaded(loader) if self.items else {}
        cut = Compose(steps)
        return (cut({**loaded, **item, "img_path": self.image.path}) for item in self.items)

    def _loaded(self, loader: object) -> dict:
        stored = self.image.to_load
        if isinstance(stored, str):
            return loader({"img_path": stored})
        return LoadImageFromNDArray(to_float32=loader.to_float32)({"img": stored})


def boxed_objects(
    known: KnownObjects,
    image: str | Path | np.ndarray,
    boxes: np.ndarray | Sequence[Sequence[float]],
    obj_ids: np.ndarray | Sequence[int],
    cam2img: np.ndarray | str | Path,
) -> ImageObjects:
    """Objects in the boxes of an image.

    Args:
        known: the objects of the network.
        image: a file, or a (H, W, 3) uint8 array, BGR as OpenCV has it.
        boxes: (N, 4) x, y, width and height, pixels; the middle of the top left pixel is (0, 0).
        obj_ids: (N,) number of the object in each.
        cam2img: (3, 3) camera matrix, or a .csv or .json file that holds it.

    Raises:
        UserError: the image is missing or unreadable, its camera matrix cannot be right, a box is
            empty or outside of it, an object is unknown, or their numbers differ.
    """
    if not isinstance(image, (str, Path, np.ndarray)):
        raise UserError("several images are given where one is asked for: call once for each.")
    if not isinstance(image, np.ndarray) and (Path(image).is_dir() or _is_info_file(image)):
        raise UserError(f"{image} is no image: give the path of one, with its boxes.")
    found = gather(image, cam2img)
    if isinstance(found, VideoFrames):
        raise UserError(f"{image} is a video: give its frames as arrays, with boxes for each.")
    (camera_image,) = found
    boxes, obj_ids = _checked(boxes, obj_ids)
    if len(boxes):
        height, width = camera_image.bgr.shape[:2]
        for box in boxes[~touches_image(boxes, (width, height))]:
            shown = ", ".join(f"{value:g}" for value in box)
            raise UserError(
                f"the box {shown} (x, y, width, height) is empty or outside of the image "
                f"{camera_image.path}, which is {width} x {height}: give boxes in its pixels."
            )
    items = [
        {
            "scene_id": -1,
            "im_id": -1,
            "obj_id": obj_id,
            "label": known.label(obj_id),
            "box": box,
            "score": 1.0,
            "time": -1.0,
            "cam2img": np.asarray(camera_image.cam2img, float),
            "gt_index": -1,
            "half_size": known.half_sizes[obj_id],
        }
        for box, obj_id in zip(boxes, obj_ids.tolist(), strict=True)
    ]
    return ImageObjects(camera_image, items)


def dataset_objects(
    known: KnownObjects,
    pipeline: Sequence[dict],
    root: str | Path,
    split: str = "test",
    scene: int | None = None,
    images: Sequence[int] | None = None,
    boxes: str = "bbox_obj",
) -> list[ImageObjects]:
    """Objects in images of a data set in BOP's format.

    Args:
        known: the objects of the network; others are left out.
        pipeline: of the config.
        root: folder of the data set.
        split: folder of scenes in it.
        scene: number of the scene, all where None.
        images: numbers of the images of the scene, all where None.
        boxes: as :class:`BOPDataset` takes them.

    Raises:
        UserError: as :class:`BOPDataset`, or images are named and no scene.
    """
    if images is not None and scene is None:
        raise UserError("images are numbered within a scene: name it with --scene (scene=).")
    dataset = BOPDataset(
        data_root=str(root),
        split=split,
        objects=tuple(known.names),
        scenes=None if scene is None else [scene],
        images=None if images is None else {scene: list(images)},
        boxes=boxes,
        models=known.folder and str(known.folder.absolute()),
        metainfo=dict(classes=tuple(known.names.values())),
        pipeline=list(pipeline),
        test_mode=True,
    )
    items = (dataset.get_data_info(i) for i in range(len(dataset)))
    return [_of_image(path, list(group)) for path, group in groupby(items, lambda i: i["img_path"])]


def _is_info_file(path: str | Path) -> bool:
    return Path(path).suffix == ".pkl"


def _of_image(path: str, items: list[dict]) -> ImageObjects:
    source = {key: items[0][key] for key in ("scene_id", "im_id")}
    return ImageObjects(CameraImage(path, items[0]["cam2img"], source), items)


def _checked(
    boxes: np.ndarray | Sequence[Sequence[float]], obj_ids: np.ndarray | Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) and numbers of objects (N,)."""
    try:
        boxes, obj_ids = np.asarray(boxes, float), np.asarray(obj_ids)
    except ValueError as error:
        raise UserError("the boxes are not N rows of x, y, width and height: give such.") from error
    if not boxes.size:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise UserError(
            f"the boxes are numbers of the shape {boxes.shape}, or not all finite: give N rows of "
            "x, y, width and height in pixels."
        )
    if obj_ids.size and not np.issubdtype(obj_ids.dtype, np.integer):
        raise UserError(f"the objects are {obj_ids.tolist()}: give their whole numbers.")
    if obj_ids.shape != (len(boxes),):
        raise UserError(
            f"there are {obj_ids.size} objects for {len(boxes)} boxes: give the number of the "
            "object in each box."
        )
    return boxes, obj_ids.astype(int)
