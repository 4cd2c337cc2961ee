"""The devkits that read tables of nuScenes' format, and in what they differ."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace

from nuscenes import NuScenes

from .command_line import TABLE_VERSION
from .errors import UserError

_COMMON_TABLES = (
    "attribute",
    "calibrated_sensor",
    "category",
    "ego_pose",
    "instance",
    "sample",
    "sample_annotation",
    "sample_data",
    "scene",
    "sensor",
    "visibility",
)


@dataclass(frozen=True)
class Devkit:
    """One devkit. Its tables are objects with the attributes and methods of nuScenes' ``NuScenes``.

    Attributes:
        package: Python package.
        title: name of the dataset that it was made for.
        requirement: what pip installs.
        tables_class: class of the tables, in the package's root.
        own_tables: those that it asks for beside the ones that all have.
        modules: by the name that nuScenes' devkit has for a module, its own.
        lidar: channel from whose ego pose its evaluation measures ranges.
        eval_version: its usual configuration of the evaluation.
        own_splits: whether it reads splits from a dataroot's `splits.json`.
    """

    package: str
    title: str
    requirement: str
    tables_class: str
    own_tables: tuple[str, ...]
    modules: Mapping[str, str] = field(hash=False)
    lidar: str
    eval_version: str
    own_splits: bool

    def module(self, name: str) -> ModuleType:
        """One of its modules.

        Args:
            name: of nuScenes' devkit's module of the same task, below the package.

        Raises:
            UserError: it is not installed.
        """
        try:
            return import_module(f"{self.package}.{self.modules.get(name, name)}")
        except ModuleNotFoundError as error:
            raise UserError(
                f"data of {self.title} are read by its devkit, which lacks {error.name}: run "
                f'`pip install "{self.requirement}"`.'
            ) from error

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that it asks for."""
        return (*_COMMON_TABLES, *self.own_tables)

    def open(self, root: str | Path, version: str) -> NuScenes:
        """Its tables of a version, unchecked."""
        tables_class = getattr(self.module(self.package), self.tables_class)
        with _without_drawing(f"{self.package}.utils.visualization_utils"):
            return tables_class(version=version, dataroot=str(root), verbose=False)

    def class_of(self, category: str) -> str | None:
        """Class that its evaluation takes a category for, None where it is not detected."""
        return self.module("eval.detection.utils").category_to_detection_name(category)

    @property
    def categories(self) -> tuple[str, ...]:
        """All categories of its dataset."""
        return tuple(self.module("utils.color_map").get_colormap())

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that it evaluates."""
        return tuple(self.module("eval.detection.constants").DETECTION_NAMES)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Attributes that its evaluation knows."""
        return tuple(self.module("eval.detection.constants").ATTRIBUTE_NAMES)

    def fitting_attributes(self, name: str) -> Sequence[str]:
        """Attributes that a class can have; none for a class that it does not evaluate."""
        if name not in self.classes:
            return ()
        return self.module("eval.detection.utils").detection_name_to_rel_attributes(name)

    def scenes_of_split(self, split: str, tables: Path) -> list[str]:
        """Names of the scenes of a split.

        Args:
            split: one of its own, or of the version's `splits.json` where it reads that.
            tables: folder of the version.
        """
        splits = self.module("utils.splits")
        if self.own_splits:
            place = SimpleNamespace(dataroot=str(tables.parent), version=tables.name)
            return splits.get_scenes_of_split(split, place)
        return splits.create_splits_scenes()[split]


@contextmanager
def _without_drawing(module: str) -> Iterator[None]:
    """Have tables opened without the devkit's own drawing, which nothing here asks it for.

    That of TruckScenes imports Open3D with it. Where it is installed, as it is with mmdet3d, but
    a library of the system that it needs is not, the tables would not open.
    """
    absent = module not in sys.modules
    if absent:
        sys.modules[module] = None
    try:
        with warnings.catch_warnings():
            # That drawing lacks something, and of early data that they say nothing of the weather.
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        if absent:
            del sys.modules[module]


_NUSCENES = Devkit(
    package="nuscenes",
    title="nuScenes",
    requirement="nuscenes-devkit",
    tables_class="NuScenes",
    own_tables=("log", "map"),
    modules=MappingProxyType({}),
    lidar="LIDAR_TOP",
    eval_version="detection_cvpr_2019",
    own_splits=True,
)
_TRUCKSCENES = Devkit(
    package="truckscenes",
    title="MAN TruckScenes",
    requirement="truckscenes-devkit>=1.2,<1.3",
    tables_class="TruckScenes",
    own_tables=("ego_motion_cabin", "ego_motion_chassis"),
    modules=MappingProxyType(
        {"utils.color_map": "utils.colormap", "eval.common.config": "eval.detection.config"}
    ),
    lidar="LIDAR_LEFT",
    eval_version="detection_cvpr_2024",
    own_splits=False,
)
DEVKITS: Mapping[str, Devkit] = MappingProxyType(
    {devkit.package: devkit for devkit in (_NUSCENES, _TRUCKSCENES)}
)
"""The devkits by package."""

_SPLITS = {
    "mini": {"train": "mini_train", "val": "mini_val"},
    "trainval": {"train": "train", "val": "val"},
    "test": {"test": "test"},
}


def splits_of(version: str) -> dict[str, str]:
    """By name of an info file, the devkit's split that goes into it.

    Args:
        version: such as v1.0-mini; one of another form has none.
    """
    match = TABLE_VERSION.fullmatch(version)
    return dict(_SPLITS[match[1]]) if match else {}


def devkit_of_folder(tables: str | Path) -> Devkit:
    """The devkit that reads a folder of tables, which is known by its own tables.

    Args:
        tables: folder of the version.
    """
    own = _TRUCKSCENES.own_tables
    return _TRUCKSCENES if any(Path(tables, f"{n}.json").is_file() for n in own) else _NUSCENES


def devkit_of(tables: NuScenes) -> Devkit:
    """The devkit that opened some tables."""
    packages = (base.__module__.partition(".")[0] for base in type(tables).__mro__)
    return next(DEVKITS[package] for package in packages if package in DEVKITS)
