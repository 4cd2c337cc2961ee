"""Reading a config with overrides, and finding mistakes in it before anything is built."""

import difflib
import inspect
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from ..errors import UserError

# Keys that Runner reads from the config itself, beside its own arguments.
RUNNER_KEYS = frozenset(inspect.signature(Runner).parameters) | {
    "activation_checkpointing",
    "compile",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "sync_bn",
}

# Likeness (difflib's ratio) to an existing key from which a new one is taken for a misspelling.
TYPO = 0.8


def nearest(name: str, known: Iterator[str]) -> str:
    """A hint at the known name that is most like a wrong one: ` (did you mean 'x'?)` or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def load_config(path: str, options: dict | None = None) -> Config:
    """Read a config file and apply overrides.

    Args:
        path: the config file.
        options: dotted keys and values of `--cfg-options`.

    Raises:
        UserError: if the file or a base of it is missing or is no valid Python, if it asks for an
            unset environment variable, if `custom_imports` names a module that is not installed,
            or if an override's key is unknown to the runner or a misspelt one of the config.
    """
    try:
        cfg = Config.fromfile(path)
    except FileNotFoundError as error:
        raise UserError(f"config {path}: {error}") from error
    except KeyError as error:
        # An unset environment variable, or a key that two bases define.
        raise UserError(f"config {path}: {error.args[0]}") from error
    except SyntaxError as error:
        raise UserError(f"config {path} cannot be read: {' '.join(str(error).split())}") from error
    except ImportError as error:
        # mmengine lists sys.path in its message; the module's own error is two steps behind it.
        cause = error.__cause__ and error.__cause__.__context__
        if not isinstance(cause, ModuleNotFoundError):
            raise
        raise UserError(
            f"config {path} imports {cause.name}, which is not installed: correct custom_imports "
            "or put its folder on PYTHONPATH."
        ) from error
    if options:
        for key in options:
            _check_option(cfg, key)
        cfg.merge_from_dict(options)
    return cfg


def _check_option(cfg: Config, key: str) -> None:
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


def _unknown(key: str, part: str, known: Iterator[str]) -> str:
    return f"--cfg-options {key}: the config has no key {part!r} there{nearest(part, known)}."


def check_data(cfg: Config, loaders: list[str]) -> None:
    """Make sure that the folders and annotation files of some data loaders exist.

    Args:
        cfg: the config.
        loaders: config keys of data loaders, for example `['train_dataloader']`; absent ones and
            remote paths are passed over.

    Raises:
        UserError: naming the file or folder and the config key that asks for it.
    """
    for loader in loaders:
        for key, dataset in _datasets(cfg.get(loader), loader):
            root, file = dataset.get("data_root") or "", dataset["ann_file"] or ""
            if "://" in root + file:
                continue
            for name, path in (("data_root", Path(root)), ("ann_file", Path(root, file))):
                if not path.exists():
                    raise UserError(
                        f"{path}, which {key}.{name} names, does not exist: prepare the data with "
                        f"tools/create_data.py or correct {key}.{name}."
                    )


def _datasets(node: object, key: str) -> Iterator[tuple[str, dict]]:
    """Datasets at or below a config node, wrapped ones included, with their dotted keys."""
    if isinstance(node, dict):
        if "ann_file" in node:
            yield key, node
        for name, child in node.items():
            yield from _datasets(child, f"{key}.{name}")
    elif isinstance(node, (list, tuple)):
        for i, child in enumerate(node):
            yield from _datasets(child, f"{key}.{i}")
