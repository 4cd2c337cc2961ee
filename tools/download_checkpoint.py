"""Download a pretrained backbone and verify it, or say where a published checkpoint lies."""

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
        help=f"a backbone to fetch ({', '.join(BACKBONES)}), or a published model "
        f"({', '.join(MODELS)}), of which the folder and the conversion are told",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder to put it in; by default the cache in which a training looks for a backbone, "
        "and checkpoints for a model",
    )
    return parser.parse_args()


def download_model(name: str, out: str | None) -> None:
    model = MODELS[name]
    file = model.file
    path = Path(out or "checkpoints", f"{name}.pth")
    if file is None:
        raise UserError(
            f"{name} lies in a shared folder, from which this tool cannot fetch it: save the file "
            f"of the authors' config {model.published_config} by hand from "
            f"{' or '.join(map(str, model.folders))} and run `{model.conversion(path)}`, whose "
            f"result goes with {model.config}."
        )
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
