"""Reading a config with overrides, so that what is read can be written and read again."""

from __future__ import annotations

import argparse
import difflib
import inspect
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from traceback import walk_tb

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from ..errors import UserError
from ..shipped import config_path
from ..spelling import nearest
from .config_nodes import nodes
from .own_settings import check_own_settings

# Keys that Runner reads from the config itself, beside its own arguments.
RUNNER_KEYS = frozenset(inspect.signature(Runner).parameters) | {
    "activation_checkpointing",
    "compile",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "runner_type",
    "sync_bn",
}

# Variables that our configs read.
ENVIRONMENT = (
    "BACKGROUND_ROOT",
    "KITTI_ROOT",
    "LM_ROOT",
    "NUSCENES_INFOS",
    "NUSCENES_ROOT",
    "SYNTHETIC_BOP_ROOT",
)

# Likeness (difflib's ratio) to an existing key from which a new one is taken for a misspelling.
TYPO = 0.8


class _Spelt(float):
    """Infinity or NaN, written as Python reads it: mmengine writes the bare words `inf`, `nan`."""

    def __repr__(self) -> str:
        return f"float({float.__repr__(self)!r})"

    __str__ = __repr__


def load_config(
    path: str | Path, options: Mapping[str, object] | Sequence[str] | None = None
) -> Config:
    """Read a config file and apply overrides.

    Numbers in it that are not finite are spelt so that the config that a run leaves in its work
    folder can be read.

    Args:
        path: the config file, or `epropnp_det::epropnp_det/NAME.py` for one of the package's.
        options: dotted keys and values, or the ``key=value`` strings of ``--cfg-options``.

    Raises:
        UserError: if the file or a base of it is missing or fails, if it asks for an unset
            environment variable, if `custom_imports` names a module that is not installed, if an
            override's key is unknown to the runner or a misspelt one of the config, or if a setting
            of the runner or of our own parts has another type than declared.
    """
    path = config_path(path)
    if path.is_dir():
        raise UserError(f"config {path} is a folder: give the path of a .py file.")
    try:
        cfg = Config.fromfile(path)
    except FileNotFoundError as error:
        raise UserError(f"config {path}: {error}") from error
    except SyntaxError as error:
        for name in ENVIRONMENT:
            # mmengine pastes the value between the quotes of the config.
            if set(os.environ.get(name, "")) & set("\"'\\\n"):
                raise UserError(
                    f"the environment variable {name} is {os.environ[name]!r}, with a quote, a "
                    "backslash or a line break, which no config can read: set it without."
                ) from error
        raise UserError(f"config {path} cannot be read: {' '.join(str(error).split())}") from error
    except ImportError as error:
        # mmengine lists sys.path in its message; the module's own error is two steps behind it.
        cause = error.__cause__ and error.__cause__.__context__
        if not isinstance(cause, ModuleNotFoundError):
            words = " ".join(str(error).split())
            raise UserError(f"config {path} cannot be read: {words}.") from error
        raise UserError(
            f"config {path} imports {cause.name}, which is not installed: correct custom_imports "
            "or put its folder on PYTHONPATH."
        ) from error
    except UserError:
        raise
    # The file is Python, and may raise anything.
    except Exception as error:
        if isinstance(error, KeyError) and not _place(error):
            # mmengine's: an unset environment variable, or a key that two bases define.
            raise UserError(f"config {path}: {error.args[0]}") from error
        words = " ".join(str(error).split())
        raise UserError(
            f"config {path} cannot be read: {type(error).__name__}: {words}{_place(error)}."
        ) from error
    _check_placeholders(cfg, path)
    if options:
        options = options if isinstance(options, Mapping) else parse_options(options)
        for key, value in options.items():
            _check_option(cfg, key, value)
        cfg.merge_from_dict(dict(options))
    _spelt(cfg._cfg_dict)
    check_own_settings(cfg)
    return cfg


def parse_options(assignments: Sequence[str]) -> dict[str, object]:
    """Read the values of ``--cfg-options`` as mmengine does, but leave blanks in names alone.

    Args:
        assignments: ``key=value`` strings, with lists as ``[a,b]`` or ``a,b``.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=DictAction)
    found = parser.parse_args(["--cfg-options", *assignments]).cfg_options
    for assignment in assignments:
        key, _, value = assignment.partition("=")
        if isinstance(found[key], str) and " " in value.strip():
            found[key] = value.strip().strip("'\"")
    return found


def _place(error: Exception) -> str:
    """Where in which config file an error was raised: ` (line 3 of base.py)`."""
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    names = [code.co_name for code, _ in frames]
    if "_file2dict" not in names:
        return ""
    read = frames[names.index("_file2dict") :]
    places = [(code.co_filename, line) for code, line in read if code.co_name == "<module>"]
    return f" (line {places[-1][1]} of {places[-1][0]})" if places else ""


def _spelt(node: object) -> object:
    """The node, with its dicts changed in place."""
    if isinstance(node, dict):
        for key, value in node.items():
            node[key] = _spelt(value)
        return node
    if isinstance(node, (list, tuple)):
        return type(node)(_spelt(value) for value in node)
    if isinstance(node, float) and not math.isfinite(node):
        return _Spelt(node)
    return node


def _check_placeholders(cfg: Config, path: Path) -> None:
    """mmengine leaves a variable whose default has other than plain characters as it is."""
    for key, text in nodes(cfg._cfg_dict):
        if isinstance(text, str) and "{{$" in text:
            raise UserError(
                f"config {path}: {key} is {text!r}, whose default holds a character that mmengine "
                "does not read there (letters, digits and -_./: only): set the variable, or "
                "another default."
            )


def _check_option(cfg: Config, key: str, value: object) -> None:
    first, *rest = key.split(".")
    if first not in cfg:
        if first in RUNNER_KEYS:
            return
        raise UserError(_unknown(key, first, {*cfg.keys(), *RUNNER_KEYS}))
    node = cfg[first]
    for part in rest:
        if isinstance(node, (list, tuple)):
            if not (part.isdigit() and int(part) < len(node)):
                raise UserError(
                    f"--cfg-options {key}: {part} is no position in a list of {len(node)} items."
                )
            node = node[int(part)]
        elif isinstance(node, dict):
            if part not in node:
                # A constructor knows its own arguments and refuses others when it is called; other
                # dicts are open, since their readers have keys that the config leaves out.
                if "type" in node or not difflib.get_close_matches(part, list(node), 1, TYPO):
                    return
                raise UserError(_unknown(key, part, node))
            node = node[part]
        else:
            raise UserError(f"--cfg-options {key}: {part} lies below a single value, not a dict.")
    if isinstance(node, dict) and isinstance(value, (bool, int, float, str)):
        raise UserError(
            f"--cfg-options {key}: {value!r} is a single value, and the config has a dict there: "
            f"name one of its keys, such as {key}.{next(iter(node), 'type')}."
        )


def _unknown(key: str, part: str, known: Iterable[str]) -> str:
    return f"--cfg-options {key}: the config has no key {part!r} there{nearest(part, known)}."
