"""The true objects that an evaluation asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...datasets.bop.bop_json import by_number, read_json, taken
from ...datasets.bop.checks import image_size
from ...datasets.bop.format import Scene, read_scene, scene_folders
from ...datasets.bop.listed import Targets
from ...errors import UserError
from .pose_errors import Poses

Key = tuple[int, int, int]
"""Numbers of a scene, an image and an object."""

Images = Mapping[int, Collection[int]]
"""Numbers of images by that of their scene."""


@dataclass(frozen=True, eq=False)
class Truth:
    """N objects that are to be found in the images of a split.

    Attributes:
        split: folder of the split.
        scene_id, im_id, obj_id: (N,) int.
        poses: N model to camera, mm.
        cam2img: (N, 3, 3) pixels.
        image_size: (N, 2) width and height, pixels.
        counts: by scene, image and object how many estimates count.
        images: all that the split has.
    """

    split: Path
    scene_id: np.ndarray
    im_id: np.ndarray
    obj_id: np.ndarray
    poses: Poses
    cam2img: np.ndarray
    image_size: np.ndarray
    counts: Mapping[Key, int]
    images: Images

    def __len__(self) -> int:
        return len(self.obj_id)

    def keys(self) -> list[Key]:
        """Scene, image and object of each, N."""
        columns = (self.scene_id.tolist(), self.im_id.tolist(), self.obj_id.tolist())
        return list(zip(*columns, strict=True))


@dataclass(frozen=True)
class Question:
    """What is to be found.

    Attributes:
        objects: numbers of the objects, None for all.
        targets: BOP's list; of each target the most visible objects are to be found, as many as it
            names.
        images: the images that count, None for all of the split.
        excluded: images that do not count, None for none.
        min_visib_fract: least visible fraction of an object of which no list names how many.
    """

    objects: frozenset[int] | None = None
    targets: Targets | None = None
    images: Images | None = None
    excluded: Images | None = None
    min_visib_fract: float = 0.0

    def asks_for(self, scene_id: int) -> bool:
        """Whether it asks for anything in a scene."""
        if self.targets is not None and scene_id not in self.targets.scenes:
            return False
        return self.images is None or scene_id in self.images

    def chosen(self, scene: Scene) -> tuple[list[int], dict[Key, int]]:
        """Which of a scene's objects are to be found, and how many estimates count of each."""
        truth = scene.truth
        groups: dict[Key, list[int]] = defaultdict(list)
        # The most visible ones first; of equals the first.
        for index in np.argsort(-truth.visib_fract, kind="stable").tolist():
            image, obj_id = int(scene.im_ids[truth.row[index]]), int(truth.obj_id[index])
            if self._includes(scene.scene_id, image, obj_id):
                groups[scene.scene_id, image, obj_id].append(index)
        chosen, counts = [], {}
        for key, members in groups.items():
            count = self.targets.count(*key) if self.targets is not None else None
            if count is None:
                visible = truth.visib_fract[members]
                members = members[: int(((visible > 0) & (visible >= self.min_visib_fract)).sum())]
                count = len(members)
            if members and count:
                chosen += members[:count]
                counts[key] = count
        return sorted(chosen), counts

    def check_images(self, scene: Scene) -> None:
        """Make sure that a scene has the images that are asked for.

        Raises:
            UserError: naming the first that it has not.
        """
        asked = set(self.images.get(scene.scene_id, ())) if self.images is not None else set()
        if self.targets is not None:
            asked |= self.targets.images(scene.scene_id)
        if unknown := asked - set(scene.im_ids.tolist()):
            raise UserError(
                f"{scene.folder} has no image {min(unknown)}, which the evaluator's targets or "
                "images name: take the list of this split, and all of its images."
            )

    def _includes(self, scene: int, image: int, obj_id: int) -> bool:
        if self.objects is not None and obj_id not in self.objects:
            return False
        if self.excluded is not None and image in self.excluded.get(scene, ()):
            return False
        return self.images is None or image in self.images.get(scene, ())


def read_truth(root: Path, split: str, question: Question) -> Truth:
    """Read the objects of a split that a question asks for.

    Args:
        root: folder of the data set.
        split: folder of scenes in it.
        question: what is to be found.

    Raises:
        UserError: a file is missing or not of BOP's form, an image is missing, or there is nothing
            to be found.
    """
    folders = scene_folders(root / split)
    asked = question.targets.scenes if question.targets is not None else question.images or ()
    for scene_id in asked:
        if scene_id not in folders:
            raise UserError(
                f"{root / split} has no scene {scene_id}, which the evaluator's targets or images "
                f"name: it has {', '.join(map(str, folders))}."
            )
    parts, counts, images = [], {}, {}
    for scene_id, folder in folders.items():
        if not question.asks_for(scene_id):
            path = folder / "scene_camera.json"
            images[scene_id] = frozenset(by_number(read_json(path, dict), path))
            continue
        scene = read_scene(folder)
        question.check_images(scene)
        images[scene_id] = frozenset(scene.im_ids.tolist())
        chosen, of_scene = question.chosen(scene)
        counts |= of_scene
        if chosen:
            parts.append(_rows(scene, np.array(chosen), root))
    if not parts:
        raise UserError(
            f"{root / split} has no object that is to be found: look at the evaluator's targets, "
            "images, exclude_images and min_visib_fract and at the data set's objects."
        )
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    scene_id, im_id, obj_id, rotation, translation, cam2img, size = columns
    return Truth(
        root / split,
        scene_id,
        im_id,
        obj_id,
        Poses(rotation, translation),
        cam2img,
        size,
        counts,
        images,
    )


def _rows(scene: Scene, chosen: np.ndarray, root: Path) -> tuple[np.ndarray, ...]:
    truth = scene.truth
    row = truth.row[chosen]
    return (
        np.full(len(chosen), scene.scene_id),
        scene.im_ids[row],
        truth.obj_id[chosen],
        truth.rotation[chosen],
        truth.translation[chosen],
        scene.cam2img[row],
        np.tile(image_size(scene, root), (len(chosen), 1)),
    )


def depth_scales(folder: Path) -> dict[int, float]:
    """What the numbers of a scene's depth images are multiplied by to be mm, by image.

    Raises:
        UserError: an image has none.
    """
    path = folder / "scene_camera.json"
    cameras = by_number(read_json(path, dict), path)
    return taken(
        path, lambda: {image: float(each["depth_scale"]) for image, each in cameras.items()}
    )
