"""KITTI's label files: objects of its classes, and class names that it does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import UserError
from .kitti_text import finite_numbers, numbered_words

CLASSES = ("Pedestrian", "Cyclist", "Car", "Van", "Truck", "Person_sitting", "Tram", "Misc")
"""The classes in the order in which mmdet3d numbers them."""

DONT_CARE = "DontCare"
"""Regions in which objects are not labelled."""

_WRITTEN = {name.lower(): name for name in (*CLASSES, DONT_CARE)}
_FIELDS = (
    "class, truncation, occlusion, alpha, left, top, right, bottom, height, width, length, x, y, "
    "z, yaw"
)
_NUM_FIELDS = 15  # of results, which have a score, one more
_SHOWN = 10  # names of a message


def class_of(name: str) -> str | None:
    """The class of a name, whatever its capitals; None if KITTI has none."""
    return _WRITTEN.get(name.lower())


def read_labels(path: Path, projection: np.ndarray, names: Counter[str]) -> list[dict]:
    """Entries of a label file's objects in mmdet3d's v2 format, DontCare included.

    Objects of classes that KITTI does not have are left out. A file without lines is that of an
    image without objects.

    Args:
        path: the file.
        projection: (4, 4) P2, for the projected centres.
        names: how often each class name was met, as it is written; added to.

    Raises:
        UserError: the file is missing or is no text, or a line has other than 15 fields (16 with a
            score), something that is no finite number, or an object without extent or depth.
    """
    mend = (
        f"unpack it, take {path.stem} out of ImageSets, or write an empty file for an image "
        "without objects"
    )
    instances = []
    for number, (written, *fields) in numbered_words(path, mend):
        place = f"{path}, line {number}"
        if len(fields) + 1 not in (_NUM_FIELDS, _NUM_FIELDS + 1):
            raise UserError(
                f"{place}: {len(fields) + 1} fields, not {_NUM_FIELDS} or, with a score, "
                f"{_NUM_FIELDS + 1}: write {_FIELDS}."
            )
        values = finite_numbers(fields, place)[: _NUM_FIELDS - 1]
        names[written] += 1
        if (name := class_of(written)) is None:
            continue
        instance = _instance(name, values, projection)
        if name == DONT_CARE:
            instance["index"] = -1
        else:
            instance["index"] = len(instances)
            _check(instance, f"{place}: the {name}")
        instances.append(instance)
    return instances


def sentences_on(names: Counter[str]) -> Iterator[str]:
    """What a user should know of the class names of a dataset.

    Args:
        names: how often each was met, as it is written.
    """
    renamed = Counter(
        {f"{name} as {class_of(name)}": n for name, n in names.items() if _is_renamed(name)}
    )
    if renamed:
        yield f"Objects whose class has other capitals than KITTI's, read: {counted(renamed)}."
    if unknown := unknown_of(names):
        yield (
            f"Objects of classes that KITTI does not have, left out: {counted(unknown)}. It has "
            f"{', '.join(CLASSES)}."
        )


def unknown_of(names: Counter[str]) -> Counter[str]:
    """The names that are of no class of KITTI."""
    return Counter({name: n for name, n in names.items() if class_of(name) is None})


def counted(counts: Counter[str]) -> str:
    """'5 forklift, 2 pallet', the most frequent first."""
    shown = [f"{count} {name}" for name, count in counts.most_common(_SHOWN)]
    rest = sum(counts.values()) - sum(count for _, count in counts.most_common(_SHOWN))
    return ", ".join([*shown, f"{rest} others"] if rest else shown)


def _is_renamed(name: str) -> bool:
    return class_of(name) not in (name, None)


def _instance(name: str, values: list[float], projection: np.ndarray) -> dict:
    truncated, occluded, alpha, x1, y1, x2, y2, height, width, length, x, y, z, yaw = values
    label = CLASSES.index(name) if name in CLASSES else -1
    u, v, depth, _ = projection @ (x, y - height / 2, z, 1)
    return dict(
        bbox=[x1, y1, x2, y2],
        bbox_label=label,
        bbox_3d=[x, y, z, length, height, width, yaw],
        bbox_label_3d=label,
        center_2d=[u / depth, v / depth] if depth else [0.0, 0.0],
        depth=depth,
        truncated=truncated,
        occluded=int(occluded),
        alpha=alpha,
        score=0.0,
    )


def _check(instance: dict, thing: str) -> None:
    """Refuse what training and evaluation would take for an object that nobody can find."""
    x1, y1, x2, y2 = instance["bbox"]
    length, height, width = instance["bbox_3d"][3:6]
    if min(length, height, width) <= 0:
        raise UserError(
            f"{thing} has height {height:g}, width {width:g} and length {length:g}: write metres "
            f"above zero, or call it {DONT_CARE}."
        )
    if x2 <= x1 or y2 <= y1:
        raise UserError(
            f"{thing} has an empty 2D box, {x1:g} {y1:g} {x2:g} {y2:g}: write left, top, right and "
            f"bottom in pixels, or call it {DONT_CARE}."
        )
    if not instance["depth"]:
        raise UserError(
            f"{thing} has its centre beside the camera, at depth 0: write x, y and z of the bottom "
            f"centre in metres, or call it {DONT_CARE}."
        )
