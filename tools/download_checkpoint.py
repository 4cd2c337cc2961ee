"""Download a published checkpoint or a pretrained backbone, and verify it."""

import argparse
from pathlib import Path

from epropnp_det.command_line import ToolParser, answering, check_output_folder
from epropnp_det.errors import UserError
from epropnp_det.zoo.backbones import BACKBONES, hub_folder
from epropnp_det.zoo.download import download
from epropnp_det.zoo.models import MODELS


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument(
        "name",
        metavar="NAME",
        choices=[*MODELS, *BACKBONES],
        help=f"a model ({', '.join(MODELS)}) or a backbone ({', '.join(BACKBONES)})",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder to put it in; by default checkpoints, and for a backbone the cache in which "
        "a training looks for it",
    )
    return parser.parse_args()


def download_model(name: str, out: str | None) -> None:
    file = MODELS[name].file
    if file is None:
        raise UserError(
            f"address and checksum of {name} are not known here, so that it can be neither fetched "
            "nor verified: fetch it by hand from the page of the published implementation, then "
            f"run tools/convert_checkpoint.py FILE DST --model {name}."
        )
    path = Path(out or "checkpoints", f"{name}.pth")
    download(file, path)
    print(f"{path} is there and verified; tools/convert_checkpoint.py converts it.")


def download_backbone(name: str, out: str | None) -> None:
    file = BACKBONES[name]
    path = Path(out or hub_folder(), file.name)
    download(file, path)
    use = (
        f"train with `--cfg-options model.backbone.init_cfg.checkpoint={path}`"
        if out
        else "trainings find it there, with or without network"
    )
    print(f"{path} is there and its {file.algorithm} begins with {file.checksum[:8]}; {use}.")


def main() -> None:
    args = parse_args()
    fetch = download_backbone if args.name in BACKBONES else download_model
    with answering("run the same command again, which goes on where it stopped"):
        if args.out is not None:
            check_output_folder(args.out, "--out")
        fetch(args.name, args.out)


if __name__ == "__main__":
    main()
