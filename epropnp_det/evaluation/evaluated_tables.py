"""The devkit's tables, so that it evaluates what a rig of one's own is meant to see."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nuscenes import NuScenes

from ..datasets.nuscenes_info import cameras_of
from ..datasets.own_categories import map_categories
from ..datasets.rig import NUSCENES, Rig


def prepare_tables(
    nusc: NuScenes,
    categories: Mapping[str, str],
    filter_points: bool,
    visible: Collection[str] | None,
    rig: Rig = NUSCENES,
) -> None:
    """Change tables in memory, since the devkit's evaluation has no settings for this.

    - It measures ranges from where the vehicle was at the LiDAR's time. A sample without LiDAR gets
      one that stands where its first camera does.
    - Categories of one's own count as the classes that they are taken for.

    Args:
        nusc: the tables.
        categories: class by category of one's own.
        filter_points: whether objects without LiDAR and radar points do not count, as in nuScenes;
            if False, they get a point.
        visible: tokens of the annotations that count; None for all.
        rig: of the dataset.
    """
    map_categories(nusc, categories, rig)
    for sample in nusc.sample:
        if cameras := cameras_of(nusc, sample, rig):
            sample["data"].setdefault(rig.kit.lidar, sample["data"][cameras[0]])
    if not filter_points:
        for annotation in nusc.sample_annotation:
            if not annotation["num_lidar_pts"] + annotation["num_radar_pts"]:
                annotation["num_lidar_pts"] = 1
    if visible is not None:
        for sample in nusc.sample:
            sample["anns"] = [
                token
                for token in sample["anns"]
                # Racks, which hide bicycles from the evaluation, are no detected objects.
                if token in visible or not rig.class_of(_category(nusc, token))
            ]


def _category(nusc: NuScenes, token: str) -> str:
    return nusc.get("sample_annotation", token)["category_name"]
