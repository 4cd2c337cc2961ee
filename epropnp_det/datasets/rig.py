"""What a dataset in nuScenes' table format has: its sensors, classes, attributes and ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

from ..devkits import DEVKITS, Devkit
from ..errors import UserError
from ..spelling import nearest
from . import nuscenes_names


@dataclass(frozen=True)
class Rig:
    """A dataset in nuScenes' table format. What stands here is that of nuScenes.

    A config describes another by a dict of these, under the name ``rig``; an info file carries the
    one that it was made with in its ``metainfo``.

    Attributes:
        devkit: package of the devkit that reads and evaluates it, 'nuscenes' or 'truckscenes'.
        cameras: channels in the order in which a frame's images are numbered; others come behind,
            by name.
        lidar: channel of the LiDAR at whose time a frame is; None without one.
        classes: names in the order of the labels, of the devkit's.
        attributes: names in the order of the labels; one number more stands for none.
        class_range: by class, how far from the vehicle an object may be to count, metres; others
            are those of the devkit.

    Raises:
        UserError: the devkit knows no such class or attribute, or something is named twice.
    """

    devkit: str = "nuscenes"
    cameras: tuple[str, ...] = nuscenes_names.CAMERAS
    lidar: str | None = nuscenes_names.LIDAR
    classes: tuple[str, ...] = nuscenes_names.CLASSES
    attributes: tuple[str, ...] = nuscenes_names.ATTRIBUTES
    class_range: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.devkit not in DEVKITS:
            raise UserError(
                f"rig.devkit is {self.devkit!r}{nearest(str(self.devkit), DEVKITS)}: name one of "
                f"{', '.join(DEVKITS)}."
            )
        for name in ("cameras", "classes", "attributes"):
            names = getattr(self, name)
            if isinstance(names, str) or not all(isinstance(each, str) for each in names):
                raise UserError(f"rig.{name} is {names!r}: give a list of names.")
            if len(set(names)) < len(names):
                raise UserError(f"rig.{name} names something twice: {', '.join(names)}.")
        if not self.cameras:
            raise UserError("rig.cameras is empty: name the cameras to learn from.")
        if not isinstance(self.lidar, str | None):
            raise UserError(f"rig.lidar is {self.lidar!r}: name one channel, or None.")
        known = self.kit.classes
        self._check("classes", self.classes, known)
        self._check("attributes", self.attributes, self.kit.attributes)
        self._check("class_range", self.class_range, known)
        for name, metres in self.class_range.items():
            if not isinstance(metres, int | float) or metres <= 0:
                raise UserError(f"rig.class_range.{name} is {metres!r}: give metres above 0.")

    def _check(self, name: str, given: Sequence[str], known: Sequence[str]) -> None:
        if unknown := [each for each in given if each not in known]:
            raise UserError(
                f"rig.{name} has {unknown[0]}, which the devkit of {self.kit.title} does not know"
                f"{nearest(unknown[0], known)}: name some of {', '.join(known)}."
            )

    @classmethod
    def from_dict(cls, described: Mapping) -> Rig:
        """That of a config or an info file.

        Raises:
            UserError: it has an unknown key, or the description is wrong.
        """
        known = [each.name for each in fields(cls)]
        if unknown := [key for key in described if key not in known]:
            raise UserError(
                f"rig has the key {unknown[0]}{nearest(unknown[0], known)}: it may have "
                f"{', '.join(known)}."
            )
        plain = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in described.items()
        }
        ranges = plain.get("class_range", {})
        if not isinstance(ranges, Mapping):
            raise UserError(f"rig.class_range is {ranges!r}: give metres by class.")
        # A config's own kind of dict does not belong into checkpoints.
        return cls(**plain | {"class_range": dict(ranges)})

    @classmethod
    def of_metainfo(cls, metainfo: Mapping) -> Rig:
        """That of the ``metainfo`` of an info file or a checkpoint, nuScenes' where it tells none.

        Raises:
            UserError: as :meth:`from_dict` does.
        """
        described = metainfo.get("rig")
        return cls.from_dict(described) if described else NUSCENES

    @classmethod
    def of_config(cls, path: str | Path) -> Rig:
        """The ``rig`` of a config.

        Raises:
            UserError: it has none, is not readable, or the description is wrong.
        """
        try:
            described = Config.fromfile(str(path)).get("rig")
        except Exception as error:  # a config is a program and can raise anything
            raise UserError(f"config {path} is not readable ({error}): correct it.") from error
        if not isinstance(described, Mapping):
            raise UserError(
                f"config {path} describes no rig: name one like "
                "configs/_base_/datasets/truckscenes_mono3d.py, or leave --rig out for nuScenes."
            )
        return cls.from_dict(described)

    def as_dict(self) -> dict:
        """For the ``metainfo`` of an info file."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @property
    def kit(self) -> Devkit:
        """Its devkit."""
        return DEVKITS[self.devkit]

    @property
    def no_attribute(self) -> int:
        """Label of an object without attribute."""
        return len(self.attributes)

    @property
    def lidar_folder(self) -> str:
        """Folder below the dataroot of the sweeps that an info file names.

        It has nuScenes' by their bare names, as stock files do, and others with their folders.
        """
        return f"samples/{self.lidar}" if self.lidar == nuscenes_names.LIDAR else ""

    @cached_property
    def labels(self) -> Mapping[str, int]:
        """By category of the devkit's, the label of its class; -1 where that is not detected."""
        classes = {name: i for i, name in enumerate(self.classes)}
        return {name: classes.get(self.kit.class_of(name), -1) for name in self.kit.categories}

    def label_of(self, category: str) -> int:
        """Label of a category, -1 where it is not detected."""
        return self.labels.get(category, -1)

    def class_of(self, category: str) -> str | None:
        """Class of a category, None where it is not detected."""
        label = self.label_of(category)
        return None if label < 0 else self.classes[label]


NUSCENES = Rig()
"""nuScenes itself."""
