"""Make a video of a nuScenes scene: six cameras and the view from above.

    python tools/visualize_sequence.py --root data/nuscenes --version v1.0-mini \
        --scene scene-0103 --results work_dirs/test/pred_instances_3d/results_nusc.json \
        --out scene-0103.mp4

Ground truth is green; predictions of --results have the colours of their classes. An --out that
does not end with .mp4 is a folder, which gets a picture of each keyframe. Run it again to go on
after an interruption.
"""

import argparse
from pathlib import Path

from epropnp_det.command_line import (
    ToolParser,
    answering,
    at_least,
    between,
    check_file,
    check_folder,
    check_output_file,
    check_output_folder,
    score,
)
from epropnp_det.errors import UserError

MIN_SCORE = 0.2

# Of videos that are not written.
VIDEO_SUFFIXES = (".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("--root", required=True, help="nuScenes folder")
    parser.add_argument("--version", default="v1.0-trainval", help="default: %(default)s")
    parser.add_argument("--scene", required=True, metavar="NAME", help="such as scene-0103")
    parser.add_argument("--results", metavar="JSON", help="results_nusc.json of a test run")
    parser.add_argument("--out", required=True, metavar="FILE.mp4", help="the video, or a folder")
    parser.add_argument("--score-thr", type=score, help="lowest score that is drawn (0.2)")
    parser.add_argument(
        "--rate", type=between(0.1, 240), help="frames a second (default: 2, as it was)"
    )
    parser.add_argument(
        "--width",
        type=at_least(160),
        default=1600,
        help="pixels, in steps of 32 (default: %(default)s)",
    )
    parser.add_argument("--keep-frames", action="store_true", help="keep the pictures, too")
    return parser.parse_args()


def check(args: argparse.Namespace) -> None:
    check_folder(args.root, "nuScenes folder")
    if not Path(args.root, args.version).is_dir():
        raise UserError(
            f"{args.root} has no folder {args.version}: name the nuScenes folder with --root "
            "and one of its versions with --version"
        )
    if args.results is not None:
        check_file(args.results, "result file")
    elif args.score_thr is not None:
        raise UserError("--score-thr is for predictions: name them with --results, or leave it out")
    if args.out.endswith(".mp4"):
        check_output_file(args.out, "--out")
        check_output_folder(f"{args.out}.frames", "--out")
    else:
        check_frames(args)


def check_frames(args: argparse.Namespace) -> None:
    if Path(args.out).suffix.lower() in VIDEO_SUFFIXES:
        raise UserError(f"{args.out} is no .mp4 file: name one, or a folder, with --out")
    if args.keep_frames or args.rate is not None:
        option = "--keep-frames" if args.keep_frames else "--rate"
        raise UserError(
            f"{option} is for a video, and {args.out} is a folder: leave it out, or name an .mp4 "
            "file with --out"
        )
    check_output_folder(args.out, "--out")


def visualize(args: argparse.Namespace) -> int:
    check(args)
    from epropnp_det.datasets.nuscenes_tables import load_tables
    from epropnp_det.visualization.sequence import RATE, read_results, save_sequence
    from epropnp_det.visualization.style import DPI

    results = None if args.results is None else read_results(args.results)
    return save_sequence(
        args.out,
        load_tables(args.root, args.version),
        args.scene,
        results,
        MIN_SCORE if args.score_thr is None else args.score_thr,
        rate=args.rate or RATE,
        dpi=DPI * (args.width // 32) / 50,
        keep_frames=args.keep_frames,
    )


def main() -> None:
    args = parse_args()
    with answering("frames that are drawn stay; run the same command again to go on"):
        print(f"{args.out}: {visualize(args)} frames")


if __name__ == "__main__":
    main()
