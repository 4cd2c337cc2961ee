"""What the annotations of a dataroot tell to be wrong, before the first image."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from mmengine.logging import print_log

from ..datasets.annotation_checks import attribute_fault
from ..datasets.nuscenes_tables import read_table
from ..datasets.own_categories import class_of
from ..datasets.rig import Rig
from ..errors import UserError
from .camera_views import CameraViews
from .evaluated_file import EvaluatedFile


def check_truth(
    file: EvaluatedFile, data_root: str, version: str, eval_set: str, filter_points: bool
) -> None:
    """Make sure that something is left of the truth to compare with.

    Args:
        file: info file of the images that are evaluated.
        data_root: nuScenes dataroot.
        version: such as v1.0-mini.
        eval_set: the split.
        filter_points: whether objects without LiDAR and radar points do not count.

    Raises:
        UserError: no object is annotated, none is within the ranges of the evaluation, or none of
            them has points.
    """
    truth = file.truth
    if truth.measured or (truth.in_range and not filter_points):
        return
    if truth.objects and not truth.in_range:
        raise UserError(
            f"none of the {truth.objects} objects of split {eval_set} is as near to the vehicle as "
            f"the evaluation asks for ({_ranges(file)} m, by class): its scores would all be 0."
        )
    # A file may leave out what only training needs; the tables are slow to read.
    tables = Path(data_root, version)
    rows = list(_detected(tables, file.views.sample_tokens, file.categories, file.rig))
    if any(not filter_points or row["num_lidar_pts"] + row["num_radar_pts"] for row in rows):
        return
    if rows:
        raise UserError(
            f"none of the objects of split {eval_set} has LiDAR or radar points, without which "
            "the devkit does not count them: set the evaluator's filter_points=False to count them."
        )
    raise nothing_to_compare(data_root, eval_set)


def nothing_to_compare(data_root: str, eval_set: str) -> UserError:
    """The error that a split has no annotated object."""
    return UserError(
        f"Split {eval_set} has no annotated object in {data_root}: set format_only and "
        "jsonfile_prefix to write the submission alone."
    )


def _ranges(file: EvaluatedFile) -> str:
    ranges = file.config.class_range.values()
    return f"{min(ranges):g} to {max(ranges):g}"


def check_annotated_attributes(file: EvaluatedFile, data_root: str, version: str) -> None:
    """Make sure that the devkit can read the attributes of all annotations of some samples.

    Reads the tables of annotations, which for all of nuScenes takes a while.

    Args:
        file: info file of the samples.
        data_root: nuScenes dataroot.
        version: such as v1.0-mini.

    Raises:
        UserError: naming the first annotation with two attributes or one that nuScenes lacks.
    """
    tables = Path(data_root, version)
    attributes = {row["token"]: row["name"] for row in read_table(tables, "attribute")}
    for row in _detected(tables, file.views.sample_tokens, file.categories, file.rig):
        own = [attributes.get(token, token) for token in row["attribute_tokens"]]
        if fault := attribute_fault(row["token"], own, file.rig):
            raise UserError(f"{tables / 'sample_annotation.json'}: {fault}")


def _detected(
    tables: Path, tokens: Collection[str], categories: Mapping[str, str], rig: Rig
) -> Iterator[dict]:
    """Annotations of some samples that are of a detected class."""
    detected = {
        row["token"]
        for row in read_table(tables, "category")
        if class_of(row["name"], categories, rig)
    }
    instances = {
        row["token"] for row in read_table(tables, "instance") if row["category_token"] in detected
    }
    for row in read_table(tables, "sample_annotation"):
        if row["instance_token"] in instances and row["sample_token"] in tokens:
            yield row


def say_unseen(views: CameraViews, data_root: str, version: str, visible_only: bool) -> None:
    """Say which cameras of the tables the evaluated images are not of.

    Args:
        views: the images that are evaluated.
        data_root: nuScenes dataroot.
        version: such as v1.0-mini.
        visible_only: whether objects that no evaluated image shows do not count.
    """
    rows = read_table(Path(data_root, version), "sensor")
    unseen = {row["channel"] for row in rows if row["modality"] == "camera"} - views.cameras
    if unseen and not visible_only:
        print_log(
            f"No image of {', '.join(sorted(unseen))} is evaluated: objects that only these show "
            "count as missed. The evaluator's visible_only=True leaves them out.",
            "current",
        )
