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
    check_file,
    check_folder,
    check_output_file,
    check_output_folder,
    score,
)
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("--root", required=True, help="nuScenes folder")
    parser.add_argument("--version", default="v1.0-trainval", help="default: %(default)s")
    parser.add_argument("--scene", required=True, metavar="NAME", help="such as scene-0103")
    parser.add_argument("--results", metavar="JSON", help="results_nusc.json of a test run")
    parser.add_argument("--out", required=True, metavar="FILE.mp4", help="the video, or a folder")
    parser.add_argument(
        "--score-thr", type=score, default=0.2, help="lowest score that is drawn (%(default)s)"
    )
    parser.add_argument("--rate", type=float, help="frames a second (default: 2, as it was)")
    parser.add_argument(
        "--width", type=int, default=1600, help="pixels, in steps of 32 (default: %(default)s)"
    )
    parser.add_argument("--keep-frames", action="store_true", help="keep the pictures, too")
    args = parser.parse_args()
    if (args.rate is not None and args.rate <= 0) or args.width < 160:
        parser.error("--rate must be positive and --width at least 160")
    return args


def check(args: argparse.Namespace) -> None:
    check_folder(args.root, "nuScenes folder")
    if not Path(args.root, args.version).is_dir():
        raise UserError(
            f"{args.root} has no folder {args.version}: name the nuScenes folder with --root "
            "and one of its versions with --version"
        )
    if args.results is not None:
        check_file(args.results, "result file")
    if args.out.endswith(".mp4"):
        check_output_file(args.out, "--out")
    else:
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
        args.score_thr,
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
