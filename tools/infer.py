"""Detect objects in images, a folder, a video or the images of a nuScenes or KITTI info file."""

import argparse

from mmengine.config import DictAction

from epropnp_det.apis import EProPnPDet3DInferencer
from epropnp_det.engine.cli import user_errors
from epropnp_det.engine.config import load_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
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
    parser.add_argument("--no-pictures", action="store_true", help="write predictions.json alone")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--score-thr", type=float, default=0.1, help="lowest score of a box")
    parser.add_argument("--device", help="such as cpu or cuda (default: a GPU where there is one)")
    parser.add_argument(
        "--cfg-options", nargs="+", action=DictAction, help="overrides of the config as key=value"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with user_errors():
        inferencer = EProPnPDet3DInferencer(
            load_config(args.config, args.cfg_options), args.checkpoint, args.device
        )
        found = inferencer(
            args.inputs,
            args.cam2img,
            data_root=args.data_root,
            cameras=args.camera,
            samples=args.sample,
            batch_size=args.batch_size,
            score_thr=args.score_thr,
            out_dir=args.out,
            pictures=not args.no_pictures,
        )["predictions"]
    count = sum(len(entry["boxes"]) for entry in found)
    print(f"{args.out}/predictions.json: {count} boxes in {len(found)} images")


if __name__ == "__main__":
    main()
