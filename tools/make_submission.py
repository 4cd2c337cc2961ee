"""Test a model on a split of nuScenes and pack the result for the leaderboard.

    python tools/make_submission.py CONFIG CHECKPOINT --root data/nuscenes --version v1.0-test \\
        --out submission.zip

Of v1.0-mini and v1.0-trainval, for a trial, the validation split is taken.
"""

import argparse
import os
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process

from epropnp_det.datasets.nuscenes_tables import SPLITS
from epropnp_det.engine.cli import run_config, runner_parser, user_errors
from epropnp_det.engine.launch import process_group
from epropnp_det.engine.testing import run_test, use_tta
from epropnp_det.errors import UserError
from epropnp_det.evaluation.leaderboard import (
    LeaderboardSplit,
    check_modality,
    check_submission,
    zip_submission,
)


def parse_args() -> argparse.Namespace:
    parser = runner_parser(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--root", required=True, help="the nuScenes folder")
    parser.add_argument("--version", choices=list(SPLITS), default="v1.0-test")
    parser.add_argument("--out", default="submission.zip", help="file to write (%(default)s)")
    parser.add_argument(
        "--info-dir",
        default=os.environ.get("NUSCENES_INFOS", "."),
        help="folder of the info files ($NUSCENES_INFOS, else the nuScenes folder)",
    )
    parser.add_argument("--tta", action="store_true", help="test-time augmentation")
    return parser.parse_args()


def point_test_at(
    cfg: Config, root: str, version: str, split: LeaderboardSplit, folder: Path
) -> None:
    """Point the test of a config at a split, of which only the submission is written."""
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


def pack(submission: Path, split: LeaderboardSplit, out: Path) -> None:
    """Check the submission, and write the archive."""
    count = check_submission(submission, split.tokens)
    zip_submission(submission, out)
    print(f"{out}: {count} boxes in the {len(split.tokens)} samples of split {split.name}")
    if split.name != "test" or split.scenes < split.all_scenes:
        print(
            f"A trial: it covers {split.scenes} of the {split.all_scenes} scenes of {split.name}; "
            "the leaderboard takes all of v1.0-test."
        )


def main() -> None:
    args = parse_args()
    with user_errors():
        out = Path(args.out)
        if out.suffix != ".zip":
            raise UserError(f"the leaderboard takes a .zip file: give one as --out, not {out}.")
        cfg = run_config(args)
        split = LeaderboardSplit.find(args.root, args.version, args.info_dir)
        folder = Path(cfg.work_dir, "submission")
        point_test_at(cfg, args.root, args.version, split, folder)
        if args.tta:
            use_tta(cfg)
        with process_group(cfg):
            run_test(cfg, args.checkpoint)
            if is_main_process():
                pack(folder / "pred_instances_3d" / "results_nusc.json", split, out)


if __name__ == "__main__":
    main()
