"""Detect objects in images with an exported detector."""

from __future__ import annotations

import argparse
from pathlib import Path

from epropnp_det.camera_matrix import read_camera_matrix
from epropnp_det.command_line import (
    ToolParser,
    answering,
    check_file,
    check_output_folder,
    positive,
    score,
)
from epropnp_det.errors import UserError
from epropnp_det.predictions_file import PREDICTIONS_FILE, write_predictions


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__, prog="python -m epropnp_det.deploy")
    parser.add_argument("model", help="file of tools/export.py")
    parser.add_argument("images", nargs="+", help="image files of one camera")
    parser.add_argument("--cam2img", required=True, help="camera matrix: 3x3 .csv or .json")
    parser.add_argument("--out", required=True, help="folder of predictions.json")
    parser.add_argument("--overwrite", action="store_true", help="replace a predictions.json")
    parser.add_argument("--score-thr", type=score, default=0.1, help="lowest score of a box (0.1)")
    parser.add_argument("--runtime", help="onnxruntime or openvino (default: that is installed)")
    parser.add_argument("--threads", type=positive, help="to compute with (default: all cores)")
    return parser.parse_args()


def detect(args: argparse.Namespace) -> list[dict]:
    from epropnp_det.deploy import DeployedDetector

    detector = DeployedDetector(args.model, args.runtime, args.threads)
    cam2img = read_camera_matrix(args.cam2img)
    entries = []
    for path in args.images:
        entries.append(detector(path, cam2img, args.score_thr))
        print(f"{path}: {len(entries[-1]['boxes'])} boxes", flush=True)
    about = detector.description
    content = {
        "version": 1,
        "config": about.config,
        "checkpoint": about.checkpoint,
        "score_thr": args.score_thr,
        "images": entries,
    }
    write_predictions(Path(args.out, PREDICTIONS_FILE), content)
    return entries


def main() -> None:
    args = parse_args()
    with answering(f"{args.out}/predictions.json was not written; run the same command again"):
        for path in args.images:
            check_file(path, "image")
        check_file(args.cam2img, "camera matrix")
        check_output_folder(args.out, "--out")
        written = Path(args.out, PREDICTIONS_FILE)
        if written.exists() and not args.overwrite:
            raise UserError(f"{written} is there: name another folder, or say --overwrite.")
        entries = detect(args)
        count = sum(len(entry["boxes"]) for entry in entries)
        print(f"{written}: {count} boxes in {len(entries)} images")


if __name__ == "__main__":
    main()
