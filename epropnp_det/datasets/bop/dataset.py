"""Data sets in the format of the BOP benchmark as crops of single objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from mmdet3d.registry import DATASETS
from mmengine.dataset import force_full_init
from mmengine.logging import print_log

from ...errors import UserError
from ..subsets import SubsetsAlone
from .format import IMAGE_FILES
from .items import ITEM
from .listed import ImageLists
from .models import ObjectModel, model_ids, read_models
from .selection import Selection
from .transforms import LoadObjectMasks, RenderObjectCoords, ResolveSymmetry

_FILTER = "min_visib_fract"


@DATASETS.register_module()
class BOPDataset(SubsetsAlone):
    """Crops of single objects in images of a data set such as LineMOD, YCB-Video or T-LESS.

    One item is one object in one image. ``metainfo["classes"]`` holds a name for each object, its
    number where the config gives none, and ``metainfo["obj_ids"]`` the numbers. A pipeline gets:

    - ``img_path``, ``scene_id``, ``im_id``, ``obj_id``, ``label``;
    - ``box`` (4,): x, y, width, height of the 2D box, pixels; ``score`` and ``time`` (seconds, -1
      where unknown) of the detection, 1 and -1 of boxes of the ground truth;
    - ``cam2img`` (3, 3) float64;
    - ``gt_index``: place in the image's list of true objects, -1 of a detection of none; where it
      is not -1 also ``gt_pose`` (7,) float32, ``mask_path`` and ``mask_visib_path``;
    - ``half_size`` (3,) float32, metres: the absolute minima of the model, ones without models;
      with models ``symmetries`` in metres, and with :class:`RenderObjectCoords` in the pipeline
      ``object_model`` with its surface.

    Left out are, always, true objects of which nothing is visible. Items are kept as records of
    ``ITEM`` in place of pickled dicts, so that a million take 200 MB.

    Args:
        data_root: the data set's folder.
        split: folder of scenes in it, or several.
        objects: numbers of the objects, ascending; those of ``models_info.json`` by default.
        scenes: numbers of the scenes, all by default.
        images: the images to take, all by default: a text file with a scene and an image a line
            (``000001/000012``), or by scene a list of numbers or a file with an image a line. Files
            are absolute or relative to ``data_root``.
        exclude_images: lists of images not to take, in the same form. Where a protocol splits a
            folder, one side has the lists as ``images``, the other as ``exclude_images``.
        boxes: ``bbox_obj``, that of the whole object, ``bbox_visib``, that of what is visible, or a
            file of detections in BOP's form, absolute or relative to ``data_root``.
        targets: file of the objects that a test asks for, such as ``test_targets_bop19.json``; of
            each the boxes of the highest score are taken, or the most visible true ones, as many as
            it names.
        models: folder of the models; None if there are none, coordinates are in metres then. It is
            ``model_folder``, a path, of the data set.
        pipeline: transforms.
        filter_cfg: ``min_visib_fract``, the least visible fraction of true objects.
        **kwargs: as in mmengine's ``BaseDataset``.

    Raises:
        UserError: something is missing, cut short, in other units or not of BOP's form, or no
            object is left.
    """

    def __init__(
        self,
        data_root: str,
        split: str | Sequence[str],
        objects: Sequence[int] | None = None,
        scenes: Sequence[int] | None = None,
        images: ImageLists | None = None,
        exclude_images: ImageLists | None = None,
        boxes: str = "bbox_obj",
        targets: str | None = None,
        models: str | None = "models",
        pipeline: Sequence[dict | Callable] = (),
        filter_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        _check_filters(filter_cfg or {})
        self._selection = Selection.of_settings(
            data_root=data_root,
            split=split,
            objects=_object_ids(objects, models and Path(data_root, models)),
            scenes=scenes,
            images=images,
            exclude_images=exclude_images,
            boxes=boxes,
            targets=targets,
            min_visib_fract=(filter_cfg or {}).get(_FILTER, 0.0),
        )
        self.model_folder = Path(data_root, models) if models else None
        self._models: dict[int, ObjectModel] = {}
        super().__init__(
            data_root=data_root, pipeline=list(pipeline), filter_cfg=filter_cfg, **kwargs
        )

    def _load_metainfo(self, metainfo: dict | None = None) -> dict:
        """With a name for every object."""
        loaded = super()._load_metainfo(metainfo)
        obj_ids = self._selection.obj_ids
        names = tuple(loaded.get("classes", map(str, obj_ids)))
        if len(names) != len(obj_ids):
            raise UserError(
                f"metainfo.classes of the data set has {len(names)} names for {len(obj_ids)} "
                f"objects: give a name for each of {', '.join(map(str, obj_ids))}."
            )
        return {**loaded, "classes": names, "obj_ids": obj_ids}

    def full_init(self) -> None:
        """Read and check everything, once."""
        super().full_init()
        if not len(self):
            raise UserError("no item of the data set is left: look at its indices.")

    def load_data_list(self) -> np.ndarray:
        """Records (N,) of ``ITEM``."""
        steps = self.pipeline.transforms
        selection = self._selection
        if self.model_folder:
            with_meshes = any(isinstance(step, RenderObjectCoords) for step in steps)
            models = read_models(self.model_folder, selection.obj_ids, with_meshes)
            self._models = dict(enumerate(models.values()))
        for step in () if self.model_folder else steps:
            if isinstance(step, (RenderObjectCoords, ResolveSymmetry)):
                raise UserError(
                    f"{type(step).__name__} needs models, and the data set has models=None: set "
                    "models, or take it out of the pipeline."
                )
        left_out: Counter[str] = Counter()
        items = selection.read(self._models, left_out)
        for step in steps:
            if isinstance(step, LoadObjectMasks):
                self._check_masks(items, step.keys)
        print_log(self._summary(items, left_out), "current")
        return items

    def _summary(self, items: np.ndarray, left_out: Counter[str]) -> str:
        counts = np.bincount(items["label"], minlength=len(self._selection.obj_ids))
        shown = ", ".join(
            f"{name} {count}" for name, count in zip(self._metainfo["classes"], counts, strict=True)
        )
        # BOP's numbers have six digits.
        keys = items["split"] * 10**6 + items["scene_id"].astype(int)
        images = len(np.unique(keys * 10**6 + items["im_id"]))
        text = f"{self.data_root}: {len(items)} crops in {images} images, by object: {shown}."
        if dropped := ", ".join(f"{count} {why}" for why, count in left_out.items() if count):
            text += f" Left out: {dropped}."
        return text

    def _check_masks(self, items: np.ndarray, keys: Sequence[str]) -> None:
        """Look for the masks of one object a scene: a listing of them all would take long."""
        _, first = np.unique(items[["split", "scene_id"]], return_index=True)
        for index in first.tolist():
            info = self._info(items[index])
            for path in (info[f"{key}_path"] for key in keys if f"{key}_path" in info):
                if not Path(path).is_file():
                    raise UserError(
                        f"{path} is missing: unpack the masks of the split or make them with "
                        "the BOP toolkit's calc_gt_masks.py, or take LoadObjectMasks out of the "
                        "pipeline."
                    )

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """What is known of item ``idx``, see the class."""
        items = self.data_bytes.view(ITEM) if self.serialize_data else self.data_list
        return {**self._info(items[idx]), "sample_idx": idx % len(self)}

    def _info(self, item: np.void) -> dict:
        scene_id, im_id, label = (int(item[key]) for key in ("scene_id", "im_id", "label"))
        folder = Path(self.data_root, self._selection.splits[item["split"]], f"{scene_id:06d}")
        info = {
            "img_path": str(folder / IMAGE_FILES[item["image_file"]].format(im_id)),
            "scene_id": scene_id,
            "im_id": im_id,
            "obj_id": self._selection.obj_ids[label],
            "label": label,
            "box": item["box"].copy(),
            "score": float(item["score"]),
            "time": float(item["time"]),
            "cam2img": item["cam2img"].copy(),
            "gt_index": int(item["gt_index"]),
            "half_size": np.ones(3, np.float32),
        }
        if label in self._models:
            model = self._models[label]
            info["half_size"], info["symmetries"] = model.half_size, model.symmetries
            if model.mesh is not None:
                info["object_model"] = model
        if info["gt_index"] >= 0:
            name = f"{im_id:06d}_{info['gt_index']:06d}.png"
            info["gt_pose"] = item["pose"].copy()
            info["mask_path"] = str(folder / "mask" / name)
            info["mask_visib_path"] = str(folder / "mask_visib" / name)
        return info

    def get_cat_ids(self, idx: int) -> list[int]:
        """The label of item ``idx``, for mmengine's ``ClassBalancedDataset``."""
        return [self.get_data_info(idx)["label"]]

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """The records as bytes (N * size,) and where each ends (N,), as the base class has them."""
        items = np.array(self.data_list, ITEM)
        self.data_list = []
        return items.view(np.uint8), np.arange(1, len(items) + 1) * ITEM.itemsize


def _check_filters(filters: dict) -> None:
    unknown = sorted(filters.keys() - {_FILTER})
    if unknown:
        raise UserError(
            f"filter_cfg of the data set has {', '.join(unknown)}: BOPDataset knows {_FILTER}."
        )


def _object_ids(objects: Sequence[int] | None, models: Path | None) -> tuple[int, ...]:
    if objects is None:
        if not models:
            raise UserError("without models the data set needs objects: list their numbers.")
        return tuple(model_ids(models))
    objects = tuple(objects)
    if not objects or list(objects) != sorted(set(objects)):
        raise UserError(
            f"objects of the data set is {objects}: list numbers in ascending order, each once, "
            "since labels and metainfo.classes follow it."
        )
    return objects
