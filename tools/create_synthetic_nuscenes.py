"""Write a simulated dataset in the format of nuScenes, or of MAN TruckScenes with --dataset.

Run it again to go on after an interruption.
"""

import argparse
import os

from epropnp_det.command_line import (
    ToolParser,
    add_table_version,
    answering,
    check_output_folder,
    image_size,
    positive,
)
from epropnp_det.errors import UserError

# And the version that is written where none is named.
DATASETS = {"nuscenes": "v1.0-mini", "truckscenes": "v1.2-mini"}


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", required=True, help="the dataset's folder; made when absent")
    parser.add_argument(
        "--scenes",
        type=positive,
        default=3,
        help="about one in five is for validation, none of test",
    )
    parser.add_argument("--dataset", choices=DATASETS, default="nuscenes", help="its format")
    add_table_version(
        parser,
        default=argparse.SUPPRESS,
        help="v1.0-mini (the default) holds at most 10 scenes, v1.0-trainval 850, v1.0-test, which "
        "has no annotations, 150; those of MAN TruckScenes are v1.2-mini (10), v1.2-trainval (598) "
        "and v1.2-test (149)",
    )
    parser.add_argument("--samples-per-scene", type=positive, default=8)
    parser.add_argument(
        "--val-samples-per-scene",
        type=positive,
        default=argparse.SUPPRESS,
        help="for validation scenes (default: as for the others)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--image-size", type=image_size, default="400x224", metavar="WxH")
    parser.add_argument(
        "--raise-cameras",
        type=float,
        default=0.0,
        metavar="METRES",
        help="mount the cameras so much higher than on the real vehicle",
    )
    parser.add_argument(
        "--pitch-cameras",
        type=float,
        default=0.0,
        metavar="DEGREES",
        help="and turn them so much further down",
    )
    parser.add_argument("--workers", type=positive, default=os.cpu_count(), help="processes")
    return parser.parse_args()


def check(args: argparse.Namespace) -> None:
    args.version = getattr(args, "version", DATASETS[args.dataset])
    if "val_samples_per_scene" in args and (args.scenes == 1 or args.version.endswith("-test")):
        raise UserError(
            f"--val-samples-per-scene is for validation scenes, and {args.version} with --scenes "
            f"{args.scenes} has none: leave it out."
        )
    check_output_folder(args.out, "--out")


def create(args: argparse.Namespace) -> bool:
    check(args)
    from epropnp_det.synthetic import Settings, generate

    settings = Settings(
        args.scenes,
        args.samples_per_scene,
        getattr(args, "val_samples_per_scene", args.samples_per_scene),
        args.seed,
        args.image_size,
        args.version,
        args.dataset,
        args.raise_cameras,
        args.pitch_cameras,
    )
    return generate(settings, args.out, args.workers)


def main() -> None:
    args = parse_args()
    with answering("run the same command again to go on"):
        written = create(args)
        print(f"{args.out}: {'written' if written else 'already complete'}")


if __name__ == "__main__":
    main()
