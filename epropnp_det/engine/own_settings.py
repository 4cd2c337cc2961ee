"""Settings of our own parts of a config, wherever they stand in it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import mmdet3d.registry
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner

from ..setting_types import check_setting_types
from .config_nodes import nodes

_PACKAGE = __package__.partition(".")[0] + "."

# Where parts stand that are built; what else a config has may be of use to itself alone.
_BUILT = (*inspect.signature(Runner).parameters, "tta_model", "tta_pipeline")

# Classes that take the place of another one that a config names.
_REPLACED = {"CheckpointHook": "DetectionCheckpointHook"}


def check_own_settings(cfg: Config) -> None:
    """Make sure that the settings of the runner and of our own parts have their declared types.

    Those of other libraries are theirs to check.

    Args:
        cfg: the config.

    Raises:
        UserError: naming the first key whose value is of another type.
    """
    # The tools name a work folder where there is none.
    unnamed = "work_dir" if cfg.get("work_dir") is None else None
    check_setting_types(Runner, {k: v for k, v in cfg._cfg_dict.items() if k != unnamed})
    own = _own_classes()
    parts = {key: cfg[key] for key in _BUILT if key in cfg}
    for key, node in nodes(parts):
        kind = node.get("type") if isinstance(node, Mapping) else None
        taker = own.get(_REPLACED.get(kind, kind)) if isinstance(kind, str) else kind
        if taker is not None and inspect.isclass(taker) and taker.__module__.startswith(_PACKAGE):
            settings = {name: value for name, value in node.items() if name != "type"}
            check_setting_types(taker, settings, key)


def _own_classes() -> dict[str, type]:
    """Our registered classes, by name."""
    registries = [r for r in vars(mmdet3d.registry).values() if isinstance(r, Registry)]
    return {
        name: cls
        for registry in registries
        for name, cls in registry.module_dict.items()
        if cls.__module__.startswith(_PACKAGE)
    }
