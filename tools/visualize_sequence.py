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

from nuscenes import NuScenes

from epropnp_det.errors import UserError, exit_on_user_error
from epropnp_det.visualization.sequence import RATE, read_results, save_sequence
from epropnp_det.visualization.style import DPI


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", required=True, help="nuScenes folder")
    parser.add_argument("--version", default="v1.0-trainval", help="default: %(default)s")
    parser.add_argument("--scene", required=True, metavar="NAME", help="such as scene-0103")
    parser.add_argument("--results", metavar="JSON", help="results_nusc.json of a test run")
    parser.add_argument("--out", required=True, metavar="FILE.mp4", help="the video, or a folder")
    parser.add_argument(
        "--score-thr", type=float, default=0.2, help="lowest score that is drawn (%(default)s)"
    )
    parser.add_argument(
        "--rate", type=float, default=RATE, help="frames a second (default: %(default)s)"
    )
    parser.add_argument(
        "--width", type=int, default=1600, help="pixels, in steps of 32 (default: %(default)s)"
    )
    parser.add_argument("--keep-frames", action="store_true", help="keep the pictures, too")
    args = parser.parse_args()
    if args.rate <= 0 or args.width < 160:
        parser.error("--rate must be positive and --width at least 160")
    return args


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        if not Path(args.root, args.version).is_dir():
            raise UserError(
                f"{args.root} has no folder {args.version}: name the nuScenes folder with --root "
                "and one of its versions with --version"
            )
        results = None if args.results is None else read_results(args.results)
        nusc = NuScenes(args.version, args.root, verbose=False)
        count = save_sequence(
            args.out,
            nusc,
            args.scene,
            results,
            args.score_thr,
            rate=args.rate,
            dpi=DPI * (args.width // 32) / 50,
            keep_frames=args.keep_frames,
        )
    print(f"{args.out}: {count} frames")


if __name__ == "__main__":
    main()
