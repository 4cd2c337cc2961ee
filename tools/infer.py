"""Detect objects in images, a folder, a video or the images of a nuScenes or KITTI info file."""

import argparse
from pathlib import Path

from epropnp_det.command_line import (
    ToolParser,
    add_cfg_options,
    answering,
    between,
    check_file,
    check_folder,
    check_output_folder,
    positive,
    score,
)
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("inputs", help="image, folder, video or info file (.pkl)")
    parser.add_argument(
        "--cam2img", help="camera matrix: 3x3 .csv or .json, or an info file that lists the images"
    )
    parser.add_argument("--data-root", help="dataset folder of an info file (default: its own)")
    parser.add_argument("--camera", nargs="+", help="only these cameras of an info file")
    parser.add_argument("--sample", nargs="+", help="only these sample tokens of an info file")
    parser.add_argument("--out", required=True, help="folder of predictions.json and pictures")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace predictions.json of other images"
    )
    parser.add_argument("--no-pictures", action="store_true", help="write predictions.json alone")
    parser.add_argument("--batch-size", type=positive, default=1)
    parser.add_argument(
        "--fit",
        action="store_true",
        help="scale images, and cut or add rows at their top, to what the network was trained on; "
        "boxes and pictures stay those of the images as they are",
    )
    parser.add_argument(
        "--tilt",
        nargs=2,
        type=between(-80, 80),
        metavar=("PITCH", "ROLL"),
        help="of the camera, degrees down and clockwise: boxes and pictures are of a level one",
    )
    parser.add_argument("--score-thr", type=score, default=0.1, help="lowest score of a box")
    parser.add_argument("--device", help="such as cpu or cuda (default: a GPU where there is one)")
    add_cfg_options(parser)
    return parser.parse_args()


def check(args: argparse.Namespace) -> None:
    check_file(args.config, "config")
    check_file(args.checkpoint, "checkpoint")
    if Path(args.inputs).suffix == ".pkl":
        check_info_file(args)
    else:
        check_images(args)
    check_output_folder(args.out, "--out")


def check_info_file(args: argparse.Namespace) -> None:
    if args.cam2img is not None:
        raise UserError(f"{args.inputs} has camera matrices of its own: leave --cam2img out.")
    check_file(args.inputs, "info file")
    if args.data_root is not None:
        check_folder(args.data_root, "data root")
    if args.tilt is not None:
        raise UserError(
            f"{args.inputs} tells of its cameras how they are tilted: leave --tilt out, and turn "
            "them level with tools/create_data.py --level."
        )


def check_images(args: argparse.Namespace) -> None:
    for option in ("data_root", "camera", "sample"):
        if getattr(args, option) is not None:
            raise UserError(
                f"--{option.replace('_', '-')} is for an info file, and {args.inputs} is none: "
                "leave it out, or name a .pkl file."
            )
    if not Path(args.inputs).is_dir():
        check_file(args.inputs, "image")
    if args.cam2img is None:
        raise UserError(
            f"the camera matrix of {args.inputs} is missing: give it with --cam2img, as a 3x3 "
            ".json or .csv file."
        )
    check_file(args.cam2img, "camera matrix")


def infer(args: argparse.Namespace) -> list[dict]:
    check(args)
    from epropnp_det.apis import EProPnPDet3DInferencer
    from epropnp_det.engine.config import load_config

    inferencer = EProPnPDet3DInferencer(
        load_config(args.config, args.cfg_options), args.checkpoint, args.device
    )
    return inferencer(
        args.inputs,
        args.cam2img,
        data_root=args.data_root,
        cameras=args.camera,
        samples=args.sample,
        batch_size=args.batch_size,
        score_thr=args.score_thr,
        out_dir=args.out,
        pictures=not args.no_pictures,
        overwrite=args.overwrite,
        fit=args.fit,
        tilt=args.tilt,
    )["predictions"]


def main() -> None:
    args = parse_args()
    with answering(f"{args.out}/predictions.json was not written; run the same command again"):
        found = infer(args)
        count = sum(len(entry["boxes"]) for entry in found)
        print(f"{args.out}/predictions.json: {count} boxes in {len(found)} images")


if __name__ == "__main__":
    main()
