"""Walking through a config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def nodes(node: object, key: str = "") -> Iterator[tuple[str, object]]:
    """A node of a config and all that is below it, with their dotted keys.

    Args:
        node: a dict, a list or a value.
        key: where it stands.
    """
    yield key, node
    children = ()
    if isinstance(node, Mapping):
        children = node.items()
    elif isinstance(node, (list, tuple)):
        children = enumerate(node)
    for name, child in children:
        yield from nodes(child, f"{key}.{name}" if key else str(name))
