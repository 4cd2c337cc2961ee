"""Make a small file to hand out of a training checkpoint: its weights alone, in half precision."""

import argparse

from epropnp_det.command_line import ToolParser, answering, check_file, check_output_file


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("source", metavar="SRC", help="training checkpoint")
    parser.add_argument("target", metavar="DST", help="file to write")
    return parser.parse_args()


def publish(args: argparse.Namespace) -> None:
    check_file(args.source, "checkpoint")
    check_output_file(args.target, "DST", args.source)
    from epropnp_det.zoo.publish import publish_checkpoint

    file = publish_checkpoint(args.source, args.target)
    size = file.path.stat().st_size / 1e6
    print(f"{file.path}: {file.num_parameters:,} numbers, {size:.1f} MB, SHA-256 {file.sha256}")


def main() -> None:
    args = parse_args()
    with answering(f"{args.target} was not written; run the same command again"):
        publish(args)


if __name__ == "__main__":
    main()
