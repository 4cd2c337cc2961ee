"""Faults of single annotations in tables of nuScenes' format."""

from __future__ import annotations

from collections.abc import Sequence

from .nuscenes_names import ATTRIBUTES


def attribute_fault(token: str, attributes: Sequence[str]) -> str | None:
    """What the devkit will not accept of the attributes of an annotation of a detected class.

    Args:
        token: of the annotation.
        attributes: names of its attributes.

    Returns:
        A sentence that names the annotation and the mend; None if there is no fault.
    """
    if len(attributes) > 1:
        return (
            f"annotation {token} has the attributes {', '.join(attributes)}, and nuScenes allows "
            "one: leave out the others."
        )
    unknown = set(attributes) - set(ATTRIBUTES)
    if unknown:
        return (
            f"annotation {token} has the attribute {unknown.pop()}, which nuScenes' detection does "
            f"not know: leave it out, or name one of {', '.join(ATTRIBUTES)}."
        )
    return None
