"""Names of the pictures of images whose own names may repeat in folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from itertools import chain, count
from pathlib import PurePath


def picture_names(paths: Iterable[str]) -> dict[str, str]:
    """Name each image's picture so that no two have one name, whatever the pictures' suffix.

    A picture has the name of its image, and before it as many of the image's folders as it takes to
    tell it from all others: ``0.png`` where that is the only one, else ``LEFT_0.png``.

    Args:
        paths: the images.

    Returns:
        Base name of the picture, with the image's suffix, by image.
    """
    images = {path: PurePath(path) for path in paths}
    same = Counter(image.with_suffix("") for image in images.values())
    parts = {
        path: (
            *(part for part in image.parent.parts if part != image.anchor),
            image.stem if same[image.with_suffix("")] == 1 else image.name.replace(".", "_"),
        )
        for path, image in images.items()
    }
    names: dict[str, str] = {}
    taken: set[str] = set()
    depth, unnamed = 1, list(parts)
    while unnamed:
        ends = Counter(parts[path][-depth:] for path in unnamed)
        for path in unnamed:
            end = parts[path][-depth:]
            if ends[end] == 1 or len(parts[path]) <= depth:
                names[path] = _untaken("_".join(end), taken)
                taken.add(names[path])
        depth, unnamed = depth + 1, [path for path in unnamed if path not in names]
    return {path: name + images[path].suffix for path, name in names.items()}


def _untaken(name: str, taken: Collection[str]) -> str:
    """The name, or with a number where a folder's and a name's underscores make two the same."""
    choices = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(choice for choice in choices if choice not in taken)
