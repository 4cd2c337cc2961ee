"""Registration with MMDetection3D where that is imported after this package."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from types import ModuleType

PLUGIN = f"{__package__}.plugin"

# The registries that the plugin adds to, by the modules that make them.
REGISTRIES = {
    "mmengine.registry": ("RUNNERS",),
    "mmdet3d.registry": (
        "DATASETS",
        "HOOKS",
        "METRICS",
        "MODELS",
        "TASK_UTILS",
        "TRANSFORMS",
        "VISUALIZERS",
    ),
}


def register_at_first_look() -> None:
    """Have the registries, once they are made, import the plugin when they are first looked into.

    Nothing of OpenMMLab is imported before that. The plugin imports MMDetection3D, which cannot be
    done as soon as a registry is there: that is in the midst of MMDetection3D's own import.
    """
    sys.meta_path.insert(0, _RegistryFinder())


def name_package() -> None:
    """Let mmengine find the configs of an installed wheel by `epropnp_det::`."""
    import_module("mmengine.config.utils").MODULE2PACKAGE[__package__] = __package__


class _RegistryFinder:
    """Finds the modules that make registries, and sees to it that these learn of the plugin."""

    def find_spec(
        self, fullname: str, path: list[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in REGISTRIES:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None:
            spec.loader = _RegistryLoader(spec.loader)
        return spec


class _RegistryLoader:
    """Loads a module as its own loader does, then tells its registries where to look."""

    def __init__(self, loader: SourceFileLoader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        name_package()
        # mmengine serves others than MMDetection3D, too.
        if find_spec("mmdet3d"):
            for name in REGISTRIES[module.__name__]:
                # mmengine has no way to add one later. The list may be shared between registries.
                registry = getattr(module, name)
                registry._locations = [*registry._locations, PLUGIN]
