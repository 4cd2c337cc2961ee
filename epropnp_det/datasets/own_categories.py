"""Categories of one's own in tables of nuScenes' format, taken for the classes of nuScenes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.color_map import get_colormap

from ..errors import UserError
from ..spelling import nearest
from .nuscenes_names import CLASSES


def find_categories(known: Iterable[str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Categories of some tables that a user wants to be taken for classes.

    Args:
        known: names of the tables' categories.
        wanted: class by category; a category may be named by its last part ('forklift' for
            'yard.forklift'), and capitals do not matter.

    Returns:
        Class by full name of the category.

    Raises:
        UserError: there is no such class, or no such category.
    """
    known = list(known)
    found = {}
    for name, label in wanted.items():
        if label not in CLASSES:
            raise UserError(
                f"--categories {name}={label}: there is no class {label}{nearest(label, CLASSES)}:"
                f" name one of {', '.join(CLASSES)}."
            )
        meant = [full for full in known if _is_named(full, name)]
        if not meant:
            raise UserError(
                f"--categories {name}={label}: the tables have no category {name}"
                f"{nearest(name, known)}: name one of {', '.join(known)}."
            )
        found.update(dict.fromkeys(meant, label))
    return found


def map_categories(nusc: NuScenes, categories: Mapping[str, str]) -> None:
    """Have annotations of some categories taken for those of classes, in memory.

    Args:
        nusc: tables, changed in place.
        categories: class by full name of the category.
    """
    usual = {category_to_detection_name(name): name for name in get_colormap()}
    for annotation in nusc.sample_annotation:
        label = categories.get(annotation["category_name"])
        if label is not None:
            annotation["category_name"] = usual[label]


def class_of(category: str, categories: Mapping[str, str]) -> str | None:
    """Class that a category is taken for, None if it is not detected."""
    return categories.get(category) or category_to_detection_name(category)


def _is_named(full: str, name: str) -> bool:
    full, name = full.lower(), name.lower()
    return full == name or full.endswith(f".{name}")
