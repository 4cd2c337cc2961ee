"""Lists that come beside BOP's scenes: objects to be found, detections, images of a protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UserError
from .bop_json import read_json, taken

ImageLists = str | Path | Mapping[int | str, str | Path | Sequence[int]]


@dataclass(frozen=True)
class Targets:
    """The objects that a test asks for.

    Attributes:
        counts: by scene, image and object how many instances are to be found, None for all of them;
            an object of None stands for every object.
    """

    counts: Mapping[tuple[int, int, int | None], int | None]

    def count(self, scene_id: int, im_id: int, obj_id: int) -> int | None:
        """Instances of an object that an image is asked for, 0 where for none, None for all."""
        return self.counts.get(
            (scene_id, im_id, obj_id), self.counts.get((scene_id, im_id, None), 0)
        )

    @property
    def scenes(self) -> set[int]:
        """Numbers of the scenes that are asked for."""
        return {scene for scene, _, _ in self.counts}

    def images(self, scene_id: int) -> set[int]:
        """Numbers of the images of a scene that are asked for."""
        return {image for scene, image, _ in self.counts if scene == scene_id}

    def objects(self, scene_id: int, obj_ids: Sequence[int]) -> set[tuple[int, int]]:
        """Image and object, among some, of what is asked for by its number in a scene."""
        return {(im, obj) for scene, im, obj in self.counts if scene == scene_id and obj in obj_ids}


def read_targets(path: Path) -> Targets:
    """Read BOP's list of targets, such as ``test_targets_bop19.json``.

    Raises:
        UserError: it is missing, cut short, empty or of another form.
    """
    entries = read_json(path, list)
    if not entries:
        raise UserError(f"{path} asks for no object: take the file of the data set.")
    return Targets(
        taken(
            path,
            lambda: {
                (int(each["scene_id"]), int(each["im_id"]), each.get("obj_id")): each.get(
                    "inst_count"
                )
                for each in entries
            },
        )
    )


@dataclass(frozen=True)
class Detections:
    """D boxes that a detector found, in the order of their file.

    Attributes:
        scene_id, im_id, obj_id: (D,).
        box: (D, 4) x, y, width, height, pixels.
        score: (D,).
        time: (D,) seconds, -1 where unknown.
    """

    scene_id: np.ndarray
    im_id: np.ndarray
    obj_id: np.ndarray
    box: np.ndarray
    score: np.ndarray
    time: np.ndarray


def read_detections(path: Path) -> Detections:
    """Read detections in the BOP challenge's form: a list of dicts of ``scene_id``, ``image_id``,
    ``category_id``, ``bbox``, ``score`` and, where known, ``time``.

    Raises:
        UserError: the file is missing, cut short, empty or of another form.
    """
    entries = read_json(path, list)
    if not entries:
        raise UserError(f"{path} holds no detection: run the detector again, or name another file.")

    def column(key: str, kind: type = int) -> np.ndarray:
        return taken(path, lambda: np.array([each[key] for each in entries], kind))

    boxes = column("bbox", float)
    scores = column("score", float)
    if boxes.shape != (len(entries), 4) or not np.isfinite(boxes).all():
        raise UserError(f"{path} has a bbox that is not x, y, width and height in pixels.")
    if not np.isfinite(scores).all():
        raise UserError(f"{path} has a score that is no number: correct it.")
    times = taken(path, lambda: np.array([each.get("time", -1) for each in entries], float))
    names = column("scene_id"), column("image_id"), column("category_id")
    return Detections(*names, boxes, scores, times)


def read_image_lists(lists: ImageLists, root: Path) -> dict[int, set[int]]:
    """Numbers of the listed images by scene.

    Args:
        lists: a text file with a scene and an image a line (``000001/000012`` or ``1 12``); or by
            scene a list of image numbers or a text file with an image a line, whose folders and
            suffix do not count (``LINEMOD/ape/JPEGImages/000012.jpg``).
        root: where files are that are not absolute.

    Raises:
        UserError: a file is missing or empty, or a line is of another form.
    """
    if isinstance(lists, (str, Path)):
        images: dict[int, set[int]] = {}
        for line, words in _lines(root / lists):
            if len(words) < 2:
                raise UserError(
                    f"{lists}: {line!r} does not name a scene and an image: write 000001/000012."
                )
            scene, image = (_number(word, line, lists) for word in words[-2:])
            images.setdefault(scene, set()).add(image)
        return images
    return {int(scene): set(_of_scene(images, root)) for scene, images in lists.items()}


def _of_scene(images: str | Path | Sequence[int], root: Path) -> Iterable[int]:
    if isinstance(images, (str, Path)):
        return (_number(words[-1], line, images) for line, words in _lines(root / images))
    return map(int, images)


def _lines(path: Path) -> list[tuple[str, list[str]]]:
    """The lines of a text file that are not blank, and the parts of each."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the list of images {path} cannot be read ({error}).") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UserError(f"the list of images {path} is empty: name an image a line.")
    return [(line, line.replace("/", " ").replace("\\", " ").split()) for line in lines]


def _number(word: str, line: str, path: str | Path) -> int:
    stem = word.partition(".")[0]
    if not (stem.isascii() and stem.isdecimal()):
        raise UserError(f"{path}: {line!r} has no image number at its end, such as 000012.")
    return int(stem)
