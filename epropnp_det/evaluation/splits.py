"""Names and samples of an evaluation split that a dataroot holds."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from nuscenes import NuScenes
from nuscenes.eval.common.loaders import get_samples_of_scenes

from ..datasets.nuscenes_tables import read_table
from ..datasets.own_splits import read_own_splits
from ..devkits import devkit_of, devkit_of_folder, splits_of
from ..errors import UserError

_MEND = "set the evaluator's eval_set to a split whose scenes it holds"

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
    splits = splits_of(version)
    if eval_set is None:
        if not splits:
            raise UserError(f"Version {version} has no default split: set eval_set.")
        return splits.get("val", "test")
    own = read_own_splits(tables) if devkit_of_folder(tables).own_splits else ()
    known = (*splits.values(), *_HALVES.get(version, ()), *own)
    if eval_set in known:
        return eval_set
    raise UserError(
        f"Split {eval_set} is not in version {version}: set eval_set to one of "
        f"{', '.join(known) or 'the names in a splits.json of its own'}."
    )


def check_split(data_root: str, version: str, eval_set: str, evaluated: Collection[str]) -> None:
    """Make sure, before the devkit's tables are opened, that the evaluated samples are a split's.

    Args:
        data_root: nuScenes dataroot.
        version: such as v1.0-mini.
        eval_set: the split, as `resolve_split` gives it.
        evaluated: tokens of the samples of the annotation file.

    Raises:
        UserError: the dataroot holds no scene of the split, or samples of it are missing.
    """
    tables = Path(data_root, version)
    names = set(devkit_of_folder(tables).scenes_of_split(eval_set, tables))
    scenes = {row["token"]: row["name"] for row in read_table(tables, "scene")}
    tokens = {
        row["token"]
        for row in read_table(tables, "sample")
        if scenes.get(row["scene_token"]) in names
    }
    if not tokens:
        held = " or ".join(splits_of(version)[short] for short in held_splits(data_root, version))
        raise _no_scene(data_root, eval_set, f"{_MEND} ({held})" if held else _MEND)
    if tokens.isdisjoint(evaluated):
        raise UserError(
            f"none of the {len(set(evaluated))} samples of the evaluator's ann_file is in split "
            f"{eval_set}: {_MEND.replace('it holds', 'it lists')}."
        )
    check_samples(tokens, evaluated, eval_set, Path(data_root, version))


def held_splits(data_root: str | Path, version: str) -> list[str]:
    """Short names (train, val, test) of a version's splits of which a dataroot holds a scene.

    Args:
        data_root: nuScenes dataroot.
        version: such as v1.0-mini.

    Raises:
        UserError: the table of scenes is missing or broken.
    """
    tables = Path(data_root, version)
    scenes = {row["name"] for row in read_table(tables, "scene")}
    devkit = devkit_of_folder(tables)
    return [
        short
        for short, name in splits_of(version).items()
        if not scenes.isdisjoint(devkit.scenes_of_split(name, tables))
    ]


def check_samples(
    tokens: Collection[str], evaluated: Collection[str], eval_set: str, tables: Path
) -> None:
    """Make sure that all samples of a split are evaluated; others may be, and do not count.

    Args:
        tokens: samples of the split.
        evaluated: the others.
        eval_set: name of the split.
        tables: folder of the version.

    Raises:
        UserError: some are not.
    """
    if missing := set(tokens) - set(evaluated):
        raise UserError(
            f"{len(missing)} samples of split {eval_set} were not evaluated (such as "
            f"{min(missing)}): evaluate all of it, or name the evaluated scenes as a split of "
            f"their own in {tables / 'splits.json'} (`python tools/create_split.py --help`) and "
            "set the evaluator's eval_set to that."
        )


def _no_scene(data_root: str, eval_set: str, mend: str) -> UserError:
    return UserError(f"{data_root} holds no scene of split {eval_set}: {mend}.")


def samples_of_split(nusc: NuScenes, eval_set: str) -> list[str]:
    """Tokens of the samples of a split that are in the tables; the tables may hold a part of it.

    Raises:
        UserError: there is none.
    """
    tables = Path(nusc.dataroot, nusc.version)
    scenes = devkit_of(nusc).scenes_of_split(eval_set, tables)
    tokens = get_samples_of_scenes(scenes, nusc)
    if not tokens:
        raise _no_scene(nusc.dataroot, eval_set, _MEND)
    return tokens
