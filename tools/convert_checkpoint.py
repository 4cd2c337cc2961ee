"""Convert a published checkpoint into one for the configs of this repository."""

import argparse

from epropnp_det.command_line import ToolParser, answering, check_file, check_output_file
from epropnp_det.shipped import shipped_folder
from epropnp_det.zoo.models import MODELS


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("source", metavar="SRC", help="published checkpoint")
    parser.add_argument("target", metavar="DST", help="checkpoint to write")
    parser.add_argument(
        "--model", choices=MODELS, help="the published model, where its parameters do not tell"
    )
    return parser.parse_args()


def convert(args: argparse.Namespace) -> None:
    check_file(args.source, "checkpoint")
    check_output_file(args.target, "DST", args.source)
    from epropnp_det.zoo.convert import convert_checkpoint

    done = convert_checkpoint(args.source, args.target, shipped_folder(), args.model)
    if done.dropped:
        print("left out, since the network does not use them:", *done.dropped)
    print(
        f"{args.target}: {done.num_converted} tensors of {done.model.name}, for "
        f"{done.model.config}, from a file with the SHA-256 {done.source_sha256}"
    )


def main() -> None:
    args = parse_args()
    with answering(f"{args.target} was not written; run the same command again"):
        convert(args)


if __name__ == "__main__":
    main()
