"""Categories of one's own in tables of nuScenes' format, taken for the classes of nuScenes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nuscenes.nuscenes import NuScenes

from ..errors import UserError
from ..spelling import nearest
from .rig import NUSCENES, Rig


def find_categories(
    known: Iterable[str], wanted: Mapping[str, str], rig: Rig = NUSCENES
) -> dict[str, str]:
    """Categories of some tables that a user wants to be taken for classes.

    Args:
        known: names of the tables' categories.
        wanted: class by category; a category may be named by its last part ('forklift' for
            'yard.forklift'), and capitals do not matter.
        rig: of the dataset.

    Returns:
        Class by full name of the category.

    Raises:
        UserError: there is no such class, or no such category.
    """
    known = list(known)
    found = {}
    for name, label in wanted.items():
        if label not in rig.classes:
            raise UserError(
                f"--categories {name}={label}: there is no class {label}"
                f"{nearest(label, rig.classes)}: name one of {', '.join(rig.classes)}."
            )
        meant = [full for full in known if _is_named(full, name)]
        if not meant:
            raise UserError(
                f"--categories {name}={label}: the tables have no category {name}"
                f"{nearest(name, known)}: name one of {', '.join(known)}."
            )
        found.update(dict.fromkeys(meant, label))
    return found


def map_categories(nusc: NuScenes, categories: Mapping[str, str], rig: Rig = NUSCENES) -> None:
    """Have annotations of some categories taken for those of classes, in memory.

    Args:
        nusc: tables, changed in place.
        categories: class by full name of the category.
        rig: of the dataset.
    """
    usual = {rig.class_of(name): name for name in rig.labels}
    for annotation in nusc.sample_annotation:
        label = categories.get(annotation["category_name"])
        if label is not None:
            annotation["category_name"] = usual[label]


def class_of(category: str, categories: Mapping[str, str], rig: Rig = NUSCENES) -> str | None:
    """Class that a category is taken for, None if it is not detected."""
    return categories.get(category) or rig.class_of(category)


def _is_named(full: str, name: str) -> bool:
    full, name = full.lower(), name.lower()
    return full == name or full.endswith(f".{name}")
