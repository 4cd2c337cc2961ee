"""Telling mistakes in a config from defects, when the registry builds what the config names."""

import inspect
import linecache
import re
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from mmengine.registry import DefaultScope, Registry

from ..errors import UserError
from ..spelling import nearest

_LIBRARIES = ("mmcv", "mmdet", "mmdet3d", "mmengine", "torch")

# Characters of a library's message that are passed on.
_LONG = 300


def explain_build_error(error: Exception) -> str | None:
    """One sentence for an error that a config's wrong type or argument caused.

    Args:
        error: a caught exception, with its traceback.

    Returns:
        The sentence; None if the error is no such mistake and so a defect.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    builds = [f for f in frames if f.f_code.co_name == "build_from_cfg"]
    if not builds:
        return None
    frame = builds[-1]
    cfg, registry = frame.f_locals["cfg"], frame.f_locals["registry"]
    if isinstance(error, KeyError) and frame is frames[-1]:
        name = cfg.get("type") if isinstance(cfg, dict) else None
        if name is None:
            return f"the config has a dict without a type where a {registry.name} is built: {cfg}."
        known = _names(registry)
        if name in known:
            scope = DefaultScope.get_current_instance()
            return (
                f"the config names the {registry.name} {name!r}, which is of another scope than "
                f"default_scope={scope and scope.scope_name!r}: set default_scope='mmdet3d'."
            )
        return (
            f"the config names the {registry.name} {name!r}, which is not registered"
            f"{nearest(str(name), known)}."
        )
    wrong = re.search(
        r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'", str(error)
    )
    if isinstance(error, TypeError) and wrong and _holds(cfg, wrong[2]):
        # A constructor hands plain dicts of its config on to helpers that its own module names.
        own = wrong[2] in cfg
        taker = frame.f_locals["obj_cls"] if own else frames[-1].f_globals.get(wrong[1])
        name = taker.__name__ if own else wrong[1]
        return (
            f"the config gives {name} an argument {wrong[2]!r} that it does not take"
            f"{nearest(wrong[2], _arguments(taker) if callable(taker) else ())}."
        )
    return None


@contextmanager
def settings_of(key: str) -> Iterator[None]:
    """Say so when a library refuses the settings that something is built from within.

    Args:
        key: of the config, where the settings stand.

    Raises:
        UserError: in place of an error that mmengine, mmdet or PyTorch raised itself. Errors of
            other code are defects, or explained by `explain_build_error`, and pass.
    """
    try:
        yield
    except (AssertionError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        *_, (innermost, line) = walk_tb(error.__traceback__)
        library = str(innermost.f_globals.get("__name__")).partition(".")[0]
        if library not in _LIBRARIES or explain_build_error(error):
            raise
        words = " ".join(str(error.args[0] if error.args else error).split())
        # An assertion without a word of its own.
        words = words or linecache.getline(innermost.f_code.co_filename, line).strip()
        # Some repeat the whole of what they got.
        words = words if len(words) < _LONG else words.partition(", but got")[0][:_LONG]
        raise UserError(f"{key} of the config cannot be used: {words}.") from error


def _holds(node: object, key: str) -> bool:
    """Whether a key is anywhere in nested dicts and lists."""
    if isinstance(node, dict):
        return key in node or any(_holds(child, key) for child in node.values())
    return isinstance(node, (list, tuple)) and any(_holds(child, key) for child in node)


def _names(registry: Registry) -> set[str]:
    """Names registered in a registry, its parents and their children."""
    while registry.parent is not None:
        registry = registry.parent
    found, waiting = set(), [registry]
    while waiting:
        registry = waiting.pop()
        found.update(registry.module_dict)
        waiting.extend(registry.children.values())
    return found


def _arguments(cls: type) -> set[str]:
    """Names of the arguments of a class's constructor and of those that it inherits."""
    bases = inspect.getmro(cls) if inspect.isclass(cls) else [cls]
    functions = [vars(b)["__init__"] for b in bases if "__init__" in vars(b) and b is not object]
    return {
        name
        for function in functions or [cls]
        for name in inspect.signature(function).parameters
        if name != "self"
    }
