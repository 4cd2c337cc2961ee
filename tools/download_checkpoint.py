"""Download a published checkpoint and verify it."""

import argparse
from pathlib import Path

from epropnp_det.errors import UserError, exit_on_user_error
from epropnp_det.zoo.download import download
from epropnp_det.zoo.models import MODELS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", metavar="NAME", choices=MODELS, help=", ".join(MODELS))
    parser.add_argument("--out", default="checkpoints", metavar="DIR", help="folder to put it in")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    path = Path(args.out, f"{args.name}.pth")
    with exit_on_user_error():
        file = MODELS[args.name].file
        if file is None:
            raise UserError(
                f"address and checksum of {args.name} are not known here, so that it can be "
                "neither fetched nor verified: fetch it by hand from the page of the published "
                f"implementation, then run tools/convert_checkpoint.py FILE DST "
                f"--model {args.name}."
            )
        download(file, path)
    print(f"{path} is there and verified; tools/convert_checkpoint.py converts it.")


if __name__ == "__main__":
    main()
