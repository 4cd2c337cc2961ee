"""Test a model on a split of nuScenes and pack the result for the leaderboard.

    python tools/make_submission.py CONFIG CHECKPOINT --root data/nuscenes --version v1.0-test \\
        --out submission.zip

For a trial there are v1.0-mini and v1.0-trainval; their validation split is taken, or the one that
--split names.
"""

import argparse
import os
from pathlib import Path

from epropnp_det.command_line import (
    ToolParser,
    add_nuscenes_version,
    add_runner_arguments,
    answering,
    check_file,
    check_folder,
    check_output_file,
)
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    add_runner_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--root", required=True, help="the nuScenes folder")
    add_nuscenes_version(parser, default="v1.0-test")
    parser.add_argument(
        "--split", choices=["train", "val", "test"], help="split (test if there is one, else val)"
    )
    parser.add_argument("--out", default="submission.zip", help="file to write (%(default)s)")
    parser.add_argument(
        "--info-dir",
        default=os.environ.get("NUSCENES_INFOS", "."),
        help="folder of the info files ($NUSCENES_INFOS, else the nuScenes folder)",
    )
    parser.add_argument("--tta", action="store_true", help="test-time augmentation")
    return parser.parse_args()


def check(args: argparse.Namespace) -> None:
    check_file(args.config, "config")
    check_file(args.checkpoint, "checkpoint")
    check_folder(args.root, "nuScenes folder")
    if Path(args.out).suffix != ".zip":
        raise UserError(f"the leaderboard takes a .zip file: give one as --out, not {args.out}.")
    check_output_file(args.out, "--out")


def make_submission(args: argparse.Namespace) -> None:
    check(args)
    from mmengine.dist import is_main_process

    from epropnp_det.engine.cli import run_config
    from epropnp_det.engine.launch import process_group
    from epropnp_det.engine.testing import run_test, use_tta
    from epropnp_det.evaluation.leaderboard import LeaderboardSplit, pack_submission, point_test_at

    cfg = run_config(args)
    split = LeaderboardSplit.find(args.root, args.version, args.info_dir, args.split)
    folder = Path(cfg.work_dir, "submission")
    point_test_at(cfg, args.root, args.version, split, folder)
    if args.tta:
        use_tta(cfg)
    with process_group(cfg):
        run_test(cfg, args.checkpoint)
        if is_main_process():
            result = folder / "pred_instances_3d" / "results_nusc.json"
            print(*pack_submission(result, split, args.out), sep="\n")


def main() -> None:
    args = parse_args()
    with answering("no submission was written; run the same command again"):
        make_submission(args)


if __name__ == "__main__":
    main()
