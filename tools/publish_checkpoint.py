"""Make a small file to hand out of a training checkpoint: its weights alone, in half precision."""

import argparse

from epropnp_det.engine.cli import user_errors
from epropnp_det.zoo.publish import publish_checkpoint


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", metavar="SRC", help="training checkpoint")
    parser.add_argument("target", metavar="DST", help="file to write")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with user_errors():
        file = publish_checkpoint(args.source, args.target)
    size = file.path.stat().st_size / 1e6
    print(f"{file.path}: {file.num_parameters:,} numbers, {size:.1f} MB, SHA-256 {file.sha256}")


if __name__ == "__main__":
    main()
