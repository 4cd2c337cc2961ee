"""Detect objects in images, a folder, a video or the images of a nuScenes or KITTI info file.

With the config of a network of 6 DoF, tell the poses of known objects in boxes of an image
(--object and --box), or of those in images of a data set in BOP's format (--split, --scene,
--image).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from epropnp_det.command_line import (
    ToolParser,
    add_cfg_options,
    answering,
    at_least,
    between,
    check_file,
    check_folder,
    check_output_folder,
    positive,
    score,
)
from epropnp_det.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "inputs", help="image, folder, video or info file (.pkl); or folder of a BOP data set"
    )
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
    parser.add_argument(
        "--batch-size", type=positive, help="images (1) or crops (8) that are computed together"
    )
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
    parser.add_argument("--score-thr", type=score, help="lowest score of a box (0.1)")
    parser.add_argument("--device", help="such as cpu or cuda (default: a GPU where there is one)")
    add_cfg_options(parser)
    add_object_arguments(parser.add_argument_group("poses of known objects"))
    return parser.parse_args()


def add_object_arguments(parser: argparse._ArgumentGroup) -> None:
    parser.add_argument(
        "--object",
        type=at_least(0),
        action="append",
        metavar="NUMBER",
        help="the object in a --box",
    )
    parser.add_argument(
        "--box",
        nargs=4,
        type=between(-1e5, 1e5),
        action="append",
        metavar=("X", "Y", "WIDTH", "HEIGHT"),
        help="where an --object is, pixels; both are given once for each",
    )
    parser.add_argument("--split", help="folder of scenes of a data set (test)")
    parser.add_argument("--scene", type=at_least(0), help="number of a scene of a data set (all)")
    parser.add_argument(
        "--image", type=at_least(0), nargs="+", help="numbers of images of the scene (all)"
    )
    parser.add_argument(
        "--boxes", help="of a data set: bbox_obj, bbox_visib or a file of detections (bbox_obj)"
    )
    parser.add_argument(
        "--models", help="folder of models_info.json and the models (that of the config's data)"
    )


OF_DETECTORS = ("data_root", "camera", "sample", "fit", "tilt", "score_thr")
OF_BOXES = ("object", "box")
OF_DATASETS = ("split", "scene", "image", "boxes")
OF_POSES = (*OF_BOXES, *OF_DATASETS, "models")


def given(args: argparse.Namespace, names: tuple[str, ...]) -> str | None:
    """The first of some options that was given."""
    found = (name for name in names if getattr(args, name) not in (None, False))
    return next((f"--{name.replace('_', '-')}" for name in found), None)


def asks_for_poses(args: argparse.Namespace) -> bool:
    in_bops_format = any(Path(args.inputs).glob("*/*/scene_camera.json"))
    return in_bops_format or given(args, OF_POSES) is not None


def check(args: argparse.Namespace) -> None:
    check_file(args.config, "config")
    check_file(args.checkpoint, "checkpoint")
    if asks_for_poses(args):
        check_objects(args)
    elif Path(args.inputs).suffix == ".pkl":
        check_info_file(args)
    else:
        check_images(args)
    check_output_folder(args.out, "--out")


def check_objects(args: argparse.Namespace) -> None:
    if wrong := given(args, OF_DETECTORS):
        asked = given(args, OF_POSES) or args.inputs
        raise UserError(
            f"{wrong} is for a detector, and {asked} for poses of known objects: leave out one."
        )
    if args.models is not None:
        check_folder(args.models, "folder of models")
    if Path(args.inputs).is_dir():
        check_dataset(args)
    else:
        check_boxes(args)


def check_dataset(args: argparse.Namespace) -> None:
    if wrong := given(args, OF_BOXES):
        raise UserError(f"{wrong} is for an image, and {args.inputs} is a folder: leave it out.")
    if args.cam2img is not None:
        raise UserError(f"{args.inputs} has camera matrices of its own: leave --cam2img out.")
    if args.image is not None and args.scene is None:
        raise UserError("--image numbers images within a scene: name it with --scene.")


def check_boxes(args: argparse.Namespace) -> None:
    if wrong := given(args, OF_DATASETS):
        raise UserError(
            f"{wrong} is for the folder of a data set, and {args.inputs} is none: leave it out, or "
            "name a folder."
        )
    check_file(args.inputs, "image")
    check_camera(args)
    objects, boxes = len(args.object or ()), len(args.box or ())
    if objects != boxes or not objects:
        raise UserError(
            f"--object is given {objects} times and --box {boxes} times: give both, once for each "
            "object."
        )


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
    if wrong := given(args, ("data_root", "camera", "sample")):
        raise UserError(
            f"{wrong} is for an info file, and {args.inputs} is none: leave it out, or name a .pkl "
            "file."
        )
    if not Path(args.inputs).is_dir():
        check_file(args.inputs, "image")
    check_camera(args)


def check_camera(args: argparse.Namespace) -> None:
    if args.cam2img is None:
        raise UserError(
            f"the camera matrix of {args.inputs} is missing: give it with --cam2img, as a 3x3 "
            ".json or .csv file."
        )
    check_file(args.cam2img, "camera matrix")


def detect(args: argparse.Namespace, config: Config) -> list[dict]:
    from epropnp_det.apis import EProPnPDet3DInferencer

    return EProPnPDet3DInferencer(config, args.checkpoint, args.device)(
        args.inputs,
        args.cam2img,
        data_root=args.data_root,
        cameras=args.camera,
        samples=args.sample,
        batch_size=args.batch_size or 1,
        score_thr=0.1 if args.score_thr is None else args.score_thr,
        out_dir=args.out,
        pictures=not args.no_pictures,
        overwrite=args.overwrite,
        fit=args.fit,
        tilt=args.tilt,
    )["predictions"]


def find_poses(args: argparse.Namespace, config: Config) -> list[dict]:
    from epropnp_det.apis import ObjectPoseInferencer

    inferencer = ObjectPoseInferencer(config, args.checkpoint, args.device, args.models)
    if args.box:
        images = [inferencer.boxed(args.inputs, args.box, args.object, args.cam2img)]
    else:
        images = inferencer.of_dataset(
            args.inputs, args.split or "test", args.scene, args.image, args.boxes or "bbox_obj"
        )
    return inferencer.save(
        images,
        args.out,
        batch_size=args.batch_size or 8,
        pictures=not args.no_pictures,
        overwrite=args.overwrite,
    )


def main() -> None:
    args = parse_args()
    with answering(f"{args.out}/predictions.json was not written; run the same command again"):
        check(args)
        from epropnp_det.engine.config import load_config

        config = load_config(args.config, args.cfg_options)
        poses = asks_for_poses(args)
        kind, key = ("poses", "objects") if poses else ("boxes", "boxes")
        found = (find_poses if poses else detect)(args, config)
        count = sum(len(entry[key]) for entry in found)
        print(f"{args.out}/predictions.json: {count} {kind} in {len(found)} images")


if __name__ == "__main__":
    main()
