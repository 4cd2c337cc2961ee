"""nuScenes tables and the samples of an evaluation split that a dataroot holds."""

from __future__ import annotations

from pathlib import Path

from nuscenes import NuScenes
from nuscenes.eval.common.loaders import get_samples_of_scenes
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.utils.splits import get_scenes_of_split, is_predefined_split

from ..errors import UserError

# Which tables hold which split, as the devkit's `load_gt` demands; the default split comes first.
_SPLITS_OF_VERSION = {
    "mini": ("mini_val", "mini_train"),
    "trainval": ("val", "train", "train_detect", "train_track"),
    "test": ("test",),
}


def resolve_split(data_root: str, version: str, eval_set: str | None) -> str:
    """Name the split to evaluate, before any table is read.

    Args:
        data_root: folder that holds the folder `version`.
        version: such as v1.0-mini.
        eval_set: a split that the devkit knows, or one of the dataroot's own `splits.json`;
            None takes mini_val, val or test, after the version.

    Returns:
        The name of the split.

    Raises:
        UserError: no such folder, or the split does not belong to the version.
    """
    tables = Path(data_root, version)
    if not tables.is_dir():
        raise UserError(
            f"No nuScenes tables at {tables}: set data_root to the folder that holds "
            f"{version}, or version to what data_root holds."
        )
    known = _SPLITS_OF_VERSION.get(version.rpartition("-")[2], ())
    if eval_set is None:
        if not known:
            raise UserError(f"Version {version} has no default split: set eval_set.")
        return known[0]
    if eval_set in known or (
        not is_predefined_split(eval_set) and (tables / "splits.json").is_file()
    ):
        return eval_set
    raise UserError(
        f"Split {eval_set} is not in version {version}: set eval_set to one of "
        f"{', '.join(known) or 'the names in its splits.json'}."
    )


def load_tables(data_root: str, version: str) -> NuScenes:
    """Open the devkit's tables.

    Raises:
        UserError: a table is missing or broken.
    """
    try:
        return NuScenes(version=version, dataroot=data_root, verbose=False)
    except (AssertionError, OSError, ValueError, KeyError) as error:
        raise UserError(
            f"The nuScenes tables {version} in {data_root} cannot be read ({error}): "
            "unpack the dataset again."
        ) from error


def samples_of_split(nusc: NuScenes, eval_set: str) -> list[str]:
    """Tokens of the samples of a split that are in the tables; the tables may hold a part of it.

    Raises:
        UserError: there is none, or `splits.json` does not name the split.
    """
    try:
        scenes = get_scenes_of_split(eval_set, nusc)
    except ValueError as error:
        raise UserError(f"Split {eval_set} is unknown: {error}") from error
    tokens = get_samples_of_scenes(scenes, nusc)
    if not tokens:
        raise UserError(
            f"{nusc.dataroot} holds no scene of split {eval_set}: set eval_set to a split whose "
            "scenes it holds."
        )
    return tokens


def lacks_annotations(data_root: str, version: str) -> bool:
    """Whether the annotation table is empty, as in the test set; its size tells without reading."""
    table = Path(data_root, version, "sample_annotation.json")
    return table.is_file() and table.stat().st_size <= len("[]\r\n")


def has_detection_classes(nusc: NuScenes, tokens: list[str]) -> bool:
    """Whether any of the samples has a box of a detection class; the devkit evaluates no other."""
    return any(
        category_to_detection_name(nusc.get("sample_annotation", ann)["category_name"])
        for token in tokens
        for ann in nusc.get("sample", token)["anns"]
    )
