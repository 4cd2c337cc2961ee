"""Which objects of which images of a data set in BOP's format are wanted, and their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UserError
from ..garbage import no_garbage_collection
from .checks import check_boxes, check_poses, image_size
from .format import Scene, read_scene, scene_folders
from .items import ITEM, detected_items, of_images, of_targets, true_items
from .listed import (
    Detections,
    ImageLists,
    Targets,
    read_detections,
    read_image_lists,
    read_targets,
)
from .models import ObjectModel

_TRUE_BOXES = ("bbox_obj", "bbox_visib")


@dataclass(frozen=True)
class Selection:
    """What is wanted of a data set; see :class:`~epropnp_det.datasets.bop.BOPDataset`.

    Attributes:
        root: folder of the data set.
        splits: folders of scenes in it.
        obj_ids: numbers of the objects, ascending.
        scenes: numbers of the scenes, None for all.
        images: numbers of the images by scene, None for all.
        excluded: the same of those that are not wanted.
        boxes: ``bbox_obj``, ``bbox_visib`` or a file of detections.
        targets: file of what a test asks for, if any.
        min_visib_fract: least visible fraction of a true object.
    """

    root: Path
    splits: tuple[str, ...]
    obj_ids: tuple[int, ...]
    scenes: frozenset[int] | None
    images: Mapping[int, set[int]] | None
    excluded: Mapping[int, set[int]] | None
    boxes: str
    targets: str | None
    min_visib_fract: float

    @classmethod
    def of_settings(
        cls,
        data_root: str,
        split: str | Sequence[str],
        objects: tuple[int, ...],
        scenes: Sequence[int] | None,
        images: ImageLists | None,
        exclude_images: ImageLists | None,
        boxes: str,
        targets: str | None,
        min_visib_fract: float,
    ) -> Selection:
        """The selection that a data set's settings describe.

        Raises:
            UserError: settings contradict one another, or a list of images cannot be read.
        """
        splits = (split,) if isinstance(split, str) else tuple(split)
        root = Path(data_root)
        numbered = images or exclude_images or targets or boxes not in _TRUE_BOXES
        if len(splits) != 1 and (numbered or not splits):
            raise UserError(
                f"split of the data set is {list(splits)}: give one; with lists of images, "
                "detections or targets only one, since scenes of several share their numbers."
            )
        if boxes not in _TRUE_BOXES and min_visib_fract:
            raise UserError(
                "min_visib_fract is known of true objects alone: take it out of the data set's "
                "filter_cfg where boxes are detections."
            )
        lists = (each and read_image_lists(each, root) for each in (images, exclude_images))
        return cls(
            root,
            splits,
            objects,
            None if scenes is None else frozenset(scenes),
            *lists,
            boxes,
            targets,
            min_visib_fract,
        )

    def read(self, models: Mapping[int, ObjectModel], left_out: Counter[str]) -> np.ndarray:
        """Read and check the records of what is wanted.

        Args:
            models: by label.
            left_out: gets the number of objects that are left out, by the reason.

        Returns:
            Records (N,) of ``ITEM``, by split, scene and image; at least one.

        Raises:
            UserError: something is missing, wrong or contradictory, or nothing is left.
        """
        targets = read_targets(self.root / self.targets) if self.targets else None
        detections = None
        if self.boxes not in _TRUE_BOXES:
            detections = read_detections(self.root / self.boxes)
        parts = []
        found = 0
        with no_garbage_collection():
            for index, split in enumerate(self.splits):
                for folder in self._folders(split, targets):
                    scene = read_scene(folder, self._needs_truth(folder))
                    items = self._items(scene, index, detections, left_out)
                    found += len(items)
                    parts.append(self._asked(items, scene, models, targets, left_out))
        if detections is not None:
            of_objects = int(np.isin(detections.obj_id, self.obj_ids).sum())
            left_out["of other objects"] += len(detections.obj_id) - of_objects
            left_out["of other scenes"] += of_objects - found
        items = np.concatenate(parts) if parts else np.zeros(0, ITEM)
        if not len(items):
            dropped = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
            raise UserError(
                f"{self.root}: no object is left in {', '.join(self.splits)} "
                f"({dropped or 'none of them is annotated'}): look at the data set's objects, "
                "scenes, images, boxes, targets and filter_cfg."
            )
        return items

    def _folders(self, split: str, targets: Targets | None) -> Iterator[Path]:
        folders = scene_folders(self.root / split)
        asked = targets and targets.scenes
        named = {
            "scenes": self.scenes,
            "images": self.images,
            "exclude_images": self.excluded,
            "targets": asked and asked & (self.scenes or asked),
        }
        for setting, numbers in named.items():
            if missing := sorted(set(numbers or ()) - folders.keys()):
                raise UserError(
                    f"{self.root / split} has no scene {missing[0]}, which {setting} of the data "
                    f"set names: it has {_some(folders)}."
                )
        wanted = [self.scenes, self.images, asked]
        for number, folder in folders.items():
            if all(numbers is None or number in numbers for numbers in wanted):
                yield folder

    def _needs_truth(self, folder: Path) -> bool:
        """Detections do without, as of tests whose truth is not public."""
        files = (folder / "scene_gt.json", folder / "scene_gt_info.json")
        return self.boxes in _TRUE_BOXES or all(file.is_file() for file in files)

    def _items(
        self, scene: Scene, split: int, detections: Detections | None, left_out: Counter[str]
    ) -> np.ndarray:
        """Records of all visible objects, or all detections, of a scene."""
        if detections is not None:
            chosen = np.flatnonzero(
                (detections.scene_id == scene.scene_id) & np.isin(detections.obj_id, self.obj_ids)
            )
            unknown = ~np.isin(detections.im_id[chosen], scene.im_ids)
            if unknown.any():
                raise UserError(
                    f"{self.root / self.boxes} has a box in image "
                    f"{detections.im_id[chosen][unknown][0]} of {scene.folder}, which has no such "
                    "image: take the detections of this split."
                )
            return detected_items(scene, split, self.obj_ids, detections, chosen)
        items = true_items(scene, split, self.obj_ids, self.boxes)
        left_out["of other objects"] += len(scene.truth.row) - len(items)
        # What is hidden has no visible box.
        visible = (items["visib_fract"] > 0) & (items["box"][:, 2:] > 0).all(axis=1)
        left_out["hidden"] += int((~visible).sum())
        return items[visible]

    def _asked(
        self,
        items: np.ndarray,
        scene: Scene,
        models: Mapping[int, ObjectModel],
        targets: Targets | None,
        left_out: Counter[str],
    ) -> np.ndarray:
        """The records of a scene that pass lists, filters and targets; those are checked."""
        for lists, within in ((self.images, True), (self.excluded, False)):
            if lists is not None:
                _check_images(scene, lists.get(scene.scene_id, set()), "a list of images")
                items = of_images(items, lists, within)
        if targets is not None:
            _check_images(scene, targets.images(scene.scene_id), "the list of targets")
            before = len(items)
            items = of_targets(items, targets, self.obj_ids)
            left_out["not among the targets"] += before - len(items)
            left_out["targets of which there is no box"] += self._without_box(items, scene, targets)
        if self.min_visib_fract:
            clear = items["visib_fract"] >= self.min_visib_fract
            left_out["below min_visib_fract"] += int((~clear).sum())
            items = items[clear]
        if len(items):
            size = image_size(scene, self.root)
            of_truth = self.boxes in _TRUE_BOXES
            origin = scene.folder / "scene_gt_info.json" if of_truth else self.root / self.boxes
            check_boxes(items, scene, size, origin)
            if of_truth:
                check_poses(items, models, scene.folder / "scene_gt.json")
        return items

    def _without_box(self, items: np.ndarray, scene: Scene, targets: Targets) -> int:
        """How many objects of a scene are asked for that no record shows."""
        numbers = np.array(self.obj_ids)[items["label"]].tolist()
        shown = set(zip(items["im_id"].tolist(), numbers, strict=True))
        return len(targets.objects(scene.scene_id, self.obj_ids) - shown)


def _check_images(scene: Scene, numbers: set[int], origin: str) -> None:
    if unknown := numbers - set(scene.im_ids.tolist()):
        raise UserError(
            f"{scene.folder} has no image {min(unknown)}, which {origin} of the data set names: "
            "take the list of this split, and all of its images."
        )


def _some(numbers: Iterable[int], most: int = 20) -> str:
    """Numbers in words, the first ones of many."""
    shown = [str(number) for number in numbers]
    return ", ".join(shown[:most]) + (" and more" if len(shown) > most else "")
