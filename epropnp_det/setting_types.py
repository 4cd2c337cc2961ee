"""Settings of the user's, compared with the types that a constructor declares."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Union, get_args, get_origin, get_type_hints

from .errors import UserError

_WORDS = {
    bool: "True or False",
    float: "a number",
    int: "a whole number",
    str: "a text",
    type(None): "None",
}


def check_setting_types(taker: type, settings: Mapping[str, object], key: str = "") -> None:
    """Make sure that settings are of the types that their taker declares.

    A text where a number must be is found here, before it fails somewhere else after hours. What
    the taker does not declare, or declares as a class that is yet to be built, passes.

    Args:
        taker: a class; arguments that it hands on to its base classes count as its own.
        settings: by the names of the arguments.
        key: where they stand in the config, for the message.

    Raises:
        UserError: naming the first that is of another type, and the types that it may have.
    """
    declared = _declared_types(taker)
    for name, value in settings.items():
        if name in declared and not _fits(value, declared[name]):
            where = f"{key}.{name}" if key else name
            raise UserError(f"{where} is {value!r}: give {_words(declared[name])}.")


def _declared_types(taker: type) -> dict[str, object]:
    """Types of the arguments of a class's constructor and of those that it inherits."""
    found = {}
    for cls in inspect.getmro(taker):
        function = vars(cls).get("__init__")
        if not inspect.isfunction(function):
            continue
        parameters = inspect.signature(function).parameters
        for name, hint in get_type_hints(function).items():
            if name in parameters:
                default = parameters[name].default
                found.setdefault(name, hint | None if default is None else hint)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return found


def _fits(value: object, hint: object) -> bool:
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if kind in (int, float):
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    if kind in _WORDS:
        return isinstance(value, kind)
    if _is(kind, Mapping):
        return isinstance(value, Mapping)
    if _is(kind, Sequence):
        # Configs write lists and tuples as they please.
        items = _items(parts, len(value)) if isinstance(value, (list, tuple)) else None
        return items is not None and all(map(_fits, value, items))
    if kind in (object, Any) or not inspect.isclass(kind):
        return True
    # Something that is built already, or a dict that describes it.
    return isinstance(value, (kind, Mapping))


def _items(parts: tuple, count: int) -> Sequence[object] | None:
    """Types of the items of a sequence; None if it may not have so many."""
    if not parts:
        return (object,) * count
    if len(parts) == 1 or parts[1] is ...:
        return parts[:1] * count
    return parts if len(parts) == count else None


def _words(hint: object) -> str:
    """What to write in a config; nothing where only an object will do that is built already."""
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(filter(None, map(_words, parts))))
    if kind in _WORDS:
        return _WORDS[kind]
    if _is(kind, Mapping):
        return "a dict"
    if _is(kind, Sequence):
        many = len(parts) > 1 and parts[1] is not ...
        items = ", ".join(map(_words, parts)) if many else "".join(map(_words, parts[:1]))
        return f"a list ({items}{'' if many else ' each'})" if items else "a list"
    return ""


def _is(kind: object, base: type) -> bool:
    return inspect.isclass(kind) and issubclass(kind, base)
