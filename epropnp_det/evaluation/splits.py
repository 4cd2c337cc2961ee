"""Names and samples of an evaluation split that a dataroot holds."""

from __future__ import annotations

import json
from pathlib import Path

from nuscenes import NuScenes
from nuscenes.eval.common.loaders import get_samples_of_scenes
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.utils.splits import get_scenes_of_split, is_predefined_split

from ..datasets.nuscenes_tables import SPLITS
from ..errors import UserError

# The devkit's halves of train, which get no info files of their own.
_HALVES = {"v1.0-trainval": ("train_detect", "train_track")}


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
    splits = SPLITS.get(version, {})
    if eval_set is None:
        if not splits:
            raise UserError(f"Version {version} has no default split: set eval_set.")
        return splits.get("val", "test")
    known = (*splits.values(), *_HALVES.get(version, ()), *_own_splits(tables / "splits.json"))
    if eval_set in known:
        return eval_set
    raise UserError(
        f"Split {eval_set} is not in version {version}: set eval_set to one of "
        f"{', '.join(known) or 'the names in a splits.json of its own'}."
    )


def _own_splits(path: Path) -> list[str]:
    """Names of the dataroot's own splits, which cannot redefine those of the devkit."""
    if not path.is_file():
        return []
    try:
        names = dict(json.loads(path.read_bytes()))
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} does not map names to lists of scenes: mend it.") from error
    return [name for name in names if not is_predefined_split(name)]


def samples_of_split(nusc: NuScenes, eval_set: str) -> list[str]:
    """Tokens of the samples of a split that are in the tables; the tables may hold a part of it.

    Raises:
        UserError: there is none.
    """
    tokens = get_samples_of_scenes(get_scenes_of_split(eval_set, nusc), nusc)
    if not tokens:
        raise UserError(
            f"{nusc.dataroot} holds no scene of split {eval_set}: set eval_set to a split whose "
            "scenes it holds."
        )
    return tokens


def has_detection_classes(nusc: NuScenes, tokens: list[str]) -> bool:
    """Whether any of the samples has a box of a detection class; the devkit evaluates no other."""
    return any(
        category_to_detection_name(nusc.get("sample_annotation", ann)["category_name"])
        for token in tokens
        for ann in nusc.get("sample", token)["anns"]
    )
