"""A submission to the nuScenes leaderboard: what it needs, checked before and after the test."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.loaders import load_prediction
from nuscenes.eval.detection.data_classes import DetectionBox
from nuscenes.utils.splits import create_splits_scenes

from ..datasets.info_file import read_info_file
from ..datasets.nuscenes_tables import load_tables
from ..devkits import DEVKITS, devkit_of_folder, splits_of
from ..errors import UserError
from ..whole_file import whole_file
from .splits import held_splits, resolve_split, samples_of_split

# What this detector does not read when it is tested. External data is the submitter's to declare.
_UNUSED = ("use_lidar", "use_radar", "use_map")


@dataclass(frozen=True)
class LeaderboardSplit:
    """A split to submit, and the info file of all its samples.

    Attributes:
        name: the devkit's name, such as test or mini_val.
        info_file: absolute path.
        tokens: samples of the split.
        scenes: number of its scenes that the dataroot holds.
        all_scenes: number that nuScenes has.
    """

    name: str
    info_file: Path
    tokens: tuple[str, ...]
    scenes: int
    all_scenes: int

    @classmethod
    def find(
        cls, root: str | Path, version: str, info_dir: str | Path, short: str | None = None
    ) -> LeaderboardSplit:
        """Look it up in a dataroot.

        Args:
            root: nuScenes dataroot.
            version: v1.0-test, or for a trial v1.0-mini or v1.0-trainval.
            info_dir: folder of the info file, absolute or relative to ``root``.
            short: train, val or test; None takes test where the version has it, else val.

        Raises:
            UserError: tables or info file are missing or of another version, the version has no
                such split or the dataroot no scene of it, or the info file lacks samples of it.
        """
        splits = splits_of(version)
        short = short or ("test" if "test" in splits else "val")
        if short not in splits:
            raise UserError(
                f"{version} has no split {short}: name {' or '.join(splits)} with --split."
            )
        devkit = devkit_of_folder(Path(root, version))
        if devkit is not DEVKITS["nuscenes"]:
            raise UserError(
                f"{root} is of {devkit.title}, and this is for the leaderboard of nuScenes: test "
                "with test_evaluator.format_only=True for a submission to another."
            )
        name = resolve_split(str(root), version, splits[short])
        held = held_splits(root, version)
        if short not in held:
            mend = f"name --split {' or '.join(held)}, or another" if held else "name another"
            raise UserError(
                f"{root} holds no scene of split {short} ({name}): {mend} --root or --version."
            )
        path = Path(root, info_dir, f"nuscenes_infos_{short}.pkl").absolute()
        command = f"`python tools/create_data.py nuscenes --root {root} --version {version}`"
        if not path.is_file():
            raise UserError(
                f"info file {path} does not exist: make it with {command}, or name its folder with "
                "--info-dir."
            )
        content = read_info_file(str(path))
        found = content["metainfo"].get("version")
        if found != version:
            raise UserError(
                f"info file {path} is of {found}, not {version}: make it anew with {command}."
            )
        nusc = load_tables(root, version)
        tokens = samples_of_split(nusc, name)
        absent = set(tokens) - {frame["token"] for frame in content["data_list"]}
        if absent:
            raise UserError(
                f"info file {path} lacks {len(absent)} of the {len(tokens)} samples of split "
                f"{name} (such as {min(absent)}): unpack the images of all its scenes, then "
                f"{command}."
            )
        scenes = {nusc.get("sample", token)["scene_token"] for token in tokens}
        return cls(name, path, tuple(tokens), len(scenes), len(create_splits_scenes()[name]))


def check_modality(modality: Mapping[str, bool], source: str | Path) -> None:
    """Make sure that a submission declares what this detector reads.

    Args:
        modality: ``use_camera`` and so on, as in the format's ``meta``; absent ones are not in use.
        source: where it stands, for the message.

    Raises:
        UserError: it does not declare the camera, or declares another sensor or the map.
    """
    if not modality.get("use_camera") or any(modality.get(key) for key in _UNUSED):
        raise UserError(
            f"{source} declares {dict(modality)}, but this detector reads cameras alone: correct "
            "test_evaluator.modality."
        )


def point_test_at(
    cfg: Config, root: str, version: str, split: LeaderboardSplit, folder: Path
) -> None:
    """Point the test of a config at a split, of which only the submission is written.

    Args:
        cfg: changed in place.
        root: nuScenes dataroot.
        version: of the split.
        split: the split.
        folder: gets the submission, in ``pred_instances_3d``.

    Raises:
        UserError: the config tests something else, or declares other sensors.
    """
    dataset, evaluator = cfg.get("test_dataloader", {}).get("dataset"), cfg.get("test_evaluator")
    if "ann_file" not in (dataset or {}) or getattr(evaluator, "type", 0) != "NuScenesMonoMetric":
        raise UserError(
            "a submission needs a test_dataloader of one dataset and a test_evaluator of type "
            "NuScenesMonoMetric in the config; see configs/_base_/datasets/nus_mono3d.py."
        )
    if "modality" in evaluator:
        check_modality(evaluator.modality, "test_evaluator.modality")
    dataset.update(data_root=root, ann_file=str(split.info_file), test_mode=True)
    evaluator.update(
        data_root=root,
        ann_file=str(split.info_file),
        version=version,
        eval_set=split.name,
        format_only=True,
        jsonfile_prefix=str(folder),
    )


def pack_submission(submission: Path, split: LeaderboardSplit, out: str | Path) -> list[str]:
    """Check the submission, write the archive, and tell what it holds.

    Raises:
        UserError: as `check_submission` does.
    """
    count = check_submission(submission, split.tokens)
    zip_submission(submission, out)
    lines = [f"{out}: {count} boxes in the {len(split.tokens)} samples of split {split.name}"]
    if split.name != "test" or split.scenes < split.all_scenes:
        lines.append(
            f"A trial: it covers {split.scenes} of the {split.all_scenes} scenes of {split.name}; "
            "the leaderboard takes all of v1.0-test."
        )
    return lines


def check_submission(path: str | Path, tokens: Sequence[str]) -> int:
    """Have the devkit read a submission, and check what the leaderboard asks of it.

    Args:
        path: a ``results_nusc.json``.
        tokens: samples of the split.

    Returns:
        The number of its boxes.

    Raises:
        UserError: it is no submission of the nuScenes detection format, has more than 500 boxes in
            a sample, does not declare the camera alone, or its samples are not those of the split.
    """
    limit = config_factory("detection_cvpr_2019").max_boxes_per_sample
    try:
        boxes, meta = load_prediction(str(path), limit, DetectionBox)
    except FileNotFoundError as error:
        raise UserError(f"submission {path} does not exist: run the test first.") from error
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"the devkit does not accept {path} ({error}): run the test anew.") from (
            error
        )
    check_modality(meta, path)
    if missing := set(tokens) - set(boxes.sample_tokens):
        raise UserError(
            f"{path} lacks {len(missing)} samples of the split (such as {min(missing)}): test all "
            "of it."
        )
    if foreign := set(boxes.sample_tokens) - set(tokens):
        raise UserError(
            f"{path} has {len(foreign)} samples that are not of the split (such as "
            f"{min(foreign)}): test the split alone."
        )
    return len(boxes.all)


def zip_submission(submission: str | Path, path: str | Path) -> None:
    """Write the archive to upload, which holds the submission alone; whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with (
        whole_file(path) as draft,
        zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.write(submission, Path(submission).name)
