"""Draw keyframes of a nuScenes dataset: images with true boxes and LiDAR, and a view from above.

    python tools/browse_dataset.py --root data/nuscenes --split val --out work_dirs/browse --num 20

Pictures that are there already are passed over, so an interrupted run goes on where it was.
"""

import argparse
from pathlib import Path

from epropnp_det.command_line import (
    ToolParser,
    answering,
    check_file,
    check_folder,
    check_output_folder,
    positive,
)
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument(
        "info_file", nargs="?", help="info file (default: that of --split in --root)"
    )
    parser.add_argument("--root", help="dataroot (default: the folder of the info file)")
    parser.add_argument("--split", help="train, val or test (default: val)")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the pictures")
    parser.add_argument("--start", type=int, default=0, help="first keyframe (default: 0)")
    parser.add_argument("--num", type=positive, help="how many keyframes (default: all)")
    parser.add_argument("--overwrite", action="store_true", help="draw again what is there")
    parser.add_argument(
        "--all-boxes", action="store_true", help="also boxes without LiDAR and radar points"
    )
    args = parser.parse_args()
    if args.info_file is None and args.root is None:
        parser.error("name an info file, or the dataroot with --root")
    return args


def check(args: argparse.Namespace) -> None:
    if args.info_file is not None:
        if args.split is not None:
            raise UserError(
                f"--split is for --root alone, and {args.info_file} is of one split: leave out "
                "one of them."
            )
        check_file(args.info_file, "info file")
    if args.root is not None:
        check_folder(args.root, "dataroot")
    check_output_folder(args.out, "--out")


def draw(args: argparse.Namespace) -> int:
    check(args)
    from epropnp_det.visualization.browse import browse, info_file_of_split

    info_file = args.info_file or info_file_of_split(args.root, args.split or "val")
    root = args.root or Path(info_file).parent
    return browse(info_file, root, args.out, args.start, args.num, args.overwrite, args.all_boxes)


def main() -> None:
    args = parse_args()
    with answering("pictures that are drawn stay; run the same command again to go on"):
        print(f"{args.out}: {draw(args)} pictures drawn")


if __name__ == "__main__":
    main()
