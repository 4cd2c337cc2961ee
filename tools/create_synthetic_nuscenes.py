"""Write a simulated dataset in nuScenes format; run it again to go on after an interruption."""

import argparse
import os

from epropnp_det.errors import exit_on_user_error
from epropnp_det.synthetic import Settings, generate
from epropnp_det.synthetic.plan import SPLITS


def image_size(text: str) -> tuple[int, int]:
    width, height = text.lower().split("x")
    return int(width), int(height)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--out", required=True, help="the dataset's folder; made when absent")
    parser.add_argument(
        "--scenes",
        type=int,
        default=3,
        help="about one in five is for validation, none in v1.0-test",
    )
    parser.add_argument(
        "--version",
        choices=SPLITS,
        default="v1.0-mini",
        help="v1.0-mini holds at most 10 scenes, v1.0-trainval 850, v1.0-test, which has no "
        "annotations, 150",
    )
    parser.add_argument("--samples-per-scene", type=int, default=8)
    parser.add_argument(
        "--val-samples-per-scene",
        type=int,
        default=argparse.SUPPRESS,
        help="for validation scenes (default: as for the others)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--image-size", type=image_size, default="400x224", metavar="WxH")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        settings = Settings(
            args.scenes,
            args.samples_per_scene,
            getattr(args, "val_samples_per_scene", args.samples_per_scene),
            args.seed,
            args.image_size,
            args.version,
        )
        written = generate(settings, args.out, args.workers)
    print(f"{args.out}: {'written' if written else 'already complete'}")


if __name__ == "__main__":
    main()
