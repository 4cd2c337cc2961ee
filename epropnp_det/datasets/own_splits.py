"""Splits of one's own: lists of scenes that the devkit reads from a dataroot's `splits.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from nuscenes.utils.splits import is_predefined_split

from ..devkits import devkit_of_folder
from ..errors import UserError
from ..whole_file import whole_file
from .info_file import read_info_file
from .nuscenes_tables import read_table


def read_own_splits(tables: Path) -> dict[str, list[str]]:
    """Names of scenes by split.

    Args:
        tables: folder of the version; one without `splits.json` has no splits of its own.

    Raises:
        UserError: the file is broken, names a split of the devkit's own, or a list in it is none of
            scenes of the tables.
    """
    path = tables / "splits.json"
    if not path.is_file():
        return {}
    try:
        splits = dict(json.loads(path.read_bytes()))
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} does not map names to lists of scenes: mend it.") from error
    scenes = {row["name"] for row in read_table(tables, "scene")}
    for name, listed in splits.items():
        if is_predefined_split(name):
            raise UserError(
                f"{path} defines the split {name}, which the devkit has its own list for and takes "
                "that: give yours another name."
            )
        if not isinstance(listed, list) or not all(isinstance(x, str) for x in listed):
            raise UserError(f"{path}: {name} is {listed!r}, no list of names of scenes: mend it.")
        if absent := set(listed) - scenes:
            raise UserError(
                f"{path}: the tables have no scene {min(absent)}, which {name} lists: correct the "
                "name or leave it out."
            )
    return splits


def add_split(
    root: str | Path, version: str, name: str, scenes: Sequence[str], overwrite: bool = False
) -> Path:
    """Write a split into a dataroot's `splits.json`, beside those that are there.

    Args:
        root: nuScenes dataroot.
        version: such as v1.0-mini.
        name: of the split.
        scenes: names of its scenes.
        overwrite: replace a split of the name.

    Returns:
        The file.

    Raises:
        UserError: the dataroot has no such version or scene, the name is one of the devkit's, or
            there is a split of the name already, or the
            devkit reads none but its own.
    """
    tables = Path(root, version)
    if not tables.is_dir():
        raise UserError(f"{tables} does not exist: name another --version or --root.")
    devkit = devkit_of_folder(tables)
    if not devkit.own_splits:
        raise UserError(f"the devkit of {devkit.title} reads no splits but its own.")
    if is_predefined_split(name):
        raise UserError(f"the devkit has a split {name} already: name yours otherwise.")
    known = {row["name"] for row in read_table(tables, "scene")}
    if absent := set(scenes) - known:
        raise UserError(
            f"the tables of {tables} have no scene {min(absent)}: name some of "
            f"{', '.join(sorted(known)[:5])} and so on."
        )
    splits = read_own_splits(tables)
    listed = sorted(set(scenes))
    if splits.get(name, listed) != listed and not overwrite:
        raise UserError(
            f"{tables / 'splits.json'} has a split {name} of {len(splits[name])} scenes: give "
            "another --name, or replace it with --overwrite."
        )
    with whole_file(tables / "splits.json") as draft:
        draft.write_text(json.dumps({**splits, name: listed}, indent=1), encoding="utf-8")
    return tables / "splits.json"


def scenes_of(info_file: str | Path, root: str | Path, version: str) -> list[str]:
    """Names of the scenes of an info file's frames.

    Args:
        info_file: made from the dataroot.
        root: nuScenes dataroot.
        version: such as v1.0-mini.

    Raises:
        UserError: the file is broken, or of other tables.
    """
    tables = Path(root, version)
    names = {row["token"]: row["name"] for row in read_table(tables, "scene")}
    scene = {row["token"]: names.get(row["scene_token"]) for row in read_table(tables, "sample")}
    tokens = {frame.get("token") for frame in read_info_file(str(info_file))["data_list"]}
    if foreign := tokens - scene.keys():
        raise UserError(
            f"the tables of {tables} lack {len(foreign)} samples of {info_file}: name the --root "
            "and --version that it was made from."
        )
    return sorted({scene[token] for token in tokens})
