"""Write a simulated dataset of known objects in the format of the BOP benchmark.

Run it again to go on after an interruption.
"""

import argparse
import os

from epropnp_det.command_line import (
    ToolParser,
    answering,
    check_output_folder,
    image_size,
    positive,
)


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", required=True, help="the dataset's folder; made when absent")
    parser.add_argument("--scenes", type=positive, default=4, help="scenes to train on")
    parser.add_argument("--test-scenes", type=positive, default=1, help="scenes to test on")
    parser.add_argument("--images-per-scene", type=positive, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--image-size", type=image_size, default="640x480", metavar="WxH", help="of LineMOD's view"
    )
    parser.add_argument("--clean", action="store_true", help="without blur and noise")
    parser.add_argument(
        "--upright",
        action="store_true",
        help="objects stand on tables, as LineMOD's do, in place of lying on any side or floating",
    )
    parser.add_argument("--workers", type=positive, default=os.cpu_count(), help="processes")
    return parser.parse_args()


def create(args: argparse.Namespace) -> bool:
    check_output_folder(args.out, "--out")
    from epropnp_det.synthetic.bop import Settings, generate

    settings = Settings(
        args.scenes,
        args.test_scenes,
        args.images_per_scene,
        args.seed,
        args.image_size,
        args.clean,
        args.upright,
    )
    return generate(settings, args.out, args.workers)


def main() -> None:
    args = parse_args()
    with answering("run the same command again to go on"):
        written = create(args)
        print(f"{args.out}: {'written' if written else 'already complete'}")


if __name__ == "__main__":
    main()
