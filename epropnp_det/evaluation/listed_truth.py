"""What an info file tells of the objects that predictions are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ListedTruth:
    """The objects of an info file; the tables of the dataroot have them in full.

    Attributes:
        objects: number of objects of the detected classes that its frames list.
        in_range: how many of these are as near as the evaluation asks for.
        measured: how many of those have LiDAR or radar points, as far as the file tells.
        visible: tokens of the annotations that an image shows; None if the file does not tell.
    """

    objects: int
    in_range: int
    measured: int
    visible: frozenset[str] | None

    @classmethod
    def of(
        cls, frames: Sequence[dict], classes: Sequence[str], class_range: Mapping[str, float]
    ) -> ListedTruth:
        """That of the ``data_list`` of an info file.

        Args:
            frames: the list.
            classes: by label.
            class_range: by class, how far from the vehicle an object may be to count, metres.
        """
        objects = [
            (instance, _lidar2ego(frame))
            for frame in frames
            for instance in frame.get("instances", ())
            if _is_detected(instance)
        ]
        ranges = [class_range[name] for name in classes]
        near = [x for x, lidar2ego in objects if _is_near(x, lidar2ego, ranges)]
        shown = [instance for frame in frames for instance in _shown(frame)]
        told = all("ann_token" in instance for instance in shown)
        return cls(
            objects=len(objects),
            in_range=len(near),
            measured=sum(map(_is_measured, near)),
            visible=frozenset(x["ann_token"] for x in shown) if told else None,
        )


def _shown(frame: dict) -> Iterator[dict]:
    """Objects of the images of a frame."""
    for instances in frame.get("cam_instances", {}).values():
        yield from filter(_is_detected, instances)


def _is_detected(instance: dict) -> bool:
    return instance["bbox_label_3d"] >= 0


def _lidar2ego(frame: dict) -> np.ndarray:
    """(4, 4); objects of a frame without LiDAR are in the vehicle's frame."""
    return np.asarray(frame.get("lidar_points", {}).get("lidar2ego", np.eye(4)))


def _is_near(instance: dict, lidar2ego: np.ndarray, ranges: Sequence[float]) -> bool:
    center = lidar2ego[:2, :3] @ instance["bbox_3d"][:3] + lidar2ego[:2, 3]
    return bool(np.hypot(*center) < ranges[instance["bbox_label_3d"]])


def _is_measured(instance: dict) -> bool:
    counts = [instance[key] for key in ("num_lidar_pts", "num_radar_pts") if key in instance]
    return not counts or sum(counts) > 0
