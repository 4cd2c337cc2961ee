"""What the annotations of a dataroot tell to be wrong, before the first image."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from mmengine.logging import print_log

from ..datasets.nuscenes_tables import read_table
from ..datasets.own_categories import class_of
from ..datasets.tables_checks import attribute_fault
from ..errors import UserError
from .camera_views import CameraViews
from .splits import has_truth


def check_truth(
    views: CameraViews, data_root: str, version: str, eval_set: str, filter_points: bool
) -> None:
    """Make sure that something is left of the truth to compare with.

    Args:
        views: the images that are evaluated, and what their file says of objects.
        data_root: nuScenes dataroot.
        version: such as v1.0-mini.
        eval_set: the split.
        filter_points: whether objects without LiDAR and radar points do not count.

    Raises:
        UserError: no object is annotated, none is within the ranges of the evaluation, or none of
            them has points.
    """
    if views.measured or (views.in_range and not filter_points):
        return
    if views.objects and not views.in_range:
        raise UserError(
            f"none of the {views.objects} objects of split {eval_set} is as near to the vehicle as "
            "the evaluation asks for (30 to 50 m, by class): its scores would all be 0."
        )
    # A file may leave out what only training needs; the tables are slow to read.
    root = data_root, version, views.sample_tokens, views.categories
    if has_truth(*root, filter_points):
        return
    if filter_points and has_truth(*root, False):
        raise UserError(
            f"none of the objects of split {eval_set} has LiDAR or radar points, without which "
            "nuScenes does not count them: set the evaluator's filter_points=False to count them."
        )
    raise nothing_to_compare(data_root, eval_set)


def nothing_to_compare(data_root: str, eval_set: str) -> UserError:
    """The error that a split has no annotated object."""
    return UserError(
        f"Split {eval_set} has no annotated object in {data_root}: set format_only and "
        "jsonfile_prefix to write the submission alone."
    )


def check_annotated_attributes(
    data_root: str, version: str, tokens: Collection[str], categories: Mapping[str, str]
) -> None:
    """Make sure that the devkit can read the attributes of all annotations of some samples.

    Reads the tables of annotations, which for all of nuScenes takes a while.

    Args:
        data_root: nuScenes dataroot.
        version: such as v1.0-mini.
        tokens: samples.
        categories: class by category of one's own.

    Raises:
        UserError: naming the first annotation with two attributes or one that nuScenes lacks.
    """
    tables = Path(data_root, version)
    names = {row["token"]: row["name"] for row in read_table(tables, "category")}
    instances = {
        row["token"]: names.get(row["category_token"], "") for row in read_table(tables, "instance")
    }
    attributes = {row["token"]: row["name"] for row in read_table(tables, "attribute")}
    wanted = set(tokens)
    for row in read_table(tables, "sample_annotation"):
        category = instances.get(row["instance_token"], "")
        if row["sample_token"] in wanted and class_of(category, categories):
            own = [attributes.get(token, token) for token in row["attribute_tokens"]]
            if fault := attribute_fault(row["token"], own):
                raise UserError(f"{tables / 'sample_annotation.json'}: {fault}")


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
