"""How near are an exported detector's boxes to those of its network?

A row tells in how many images all boxes are the same and in the same order, and how many of the
network's boxes have a partner (of the same class and score) within 1 mm and 1e-3 rad. The first row
is PyTorch itself with other routines for its convolutions, which tells how much rounding makes.

    python benchmarks/parity.py model.onnx CONFIG CHECKPOINT data/nuscenes_infos_val.pkl
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

from epropnp_det.apis import EProPnPDet3DInferencer
from epropnp_det.command_line import add_cfg_options
from epropnp_det.deploy import DeployedDetector
from epropnp_det.engine.config import load_config

SAME_SCORE = 2e-6
NEAR = np.array([1e-3, 1e-3])
"""Metres and radians."""


def differences(ours: list[dict], theirs: list[dict]) -> Iterator[np.ndarray]:
    """Of each of their boxes, how far the nearest of ours is, metres and radians; inf for none."""
    for box in theirs:
        partners = [
            np.array([np.linalg.norm(np.subtract(each["center"], box["center"])), turn(each, box)])
            for each in ours
            if each["name"] == box["name"] and abs(each["score"] - box["score"]) < SAME_SCORE
        ]
        yield min(partners, key=lambda pair: pair[0], default=np.full(2, np.inf))


def turn(one: dict, other: dict) -> float:
    difference = one["yaw"] - other["yaw"]
    return abs((difference + np.pi) % (2 * np.pi) - np.pi)


def row(name: str, found: list[dict], expected: list[dict]) -> list[str]:
    """A row of the table for entries of ``predictions.json``."""
    same = sum(
        [box["name"] for box in ours["boxes"]] == [box["name"] for box in theirs["boxes"]]
        for ours, theirs in zip(found, expected, strict=True)
    )
    pairs = [
        pair
        for ours, theirs in zip(found, expected, strict=True)
        for pair in differences(ours["boxes"], theirs["boxes"])
    ]
    off = np.array(pairs).reshape(-1, 2)
    median, most = (np.quantile(off[:, 0], q) * 1e3 if len(off) else np.nan for q in (0.5, 0.99))
    near = (off < NEAR).all(1).mean() if len(off) else np.nan
    return [name, f"{same}/{len(expected)}", f"{near:.1%}", f"{median:.3f}", f"{most:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="file of tools/export.py")
    parser.add_argument("config", help="with which it was exported")
    parser.add_argument("checkpoint", help="of which it was made")
    parser.add_argument("inputs", nargs="+", help="info files, or images with --cam2img")
    parser.add_argument("--cam2img", help="camera matrix: 3x3 .csv or .json")
    parser.add_argument("--score-thr", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    add_cfg_options(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cfg = load_config(args.config, args.cfg_options)
    inferencer = EProPnPDet3DInferencer(cfg, args.checkpoint, "cpu", posterior=False)

    def network() -> list[dict]:
        found = []
        for each in args.inputs:
            found += inferencer(each, args.cam2img, score_thr=args.score_thr)["predictions"]
        return found

    expected = network()
    with torch.backends.mkldnn.flags(enabled=False):
        rows = [row("PyTorch without oneDNN", network(), expected)]
    for runtime in ("onnxruntime", "openvino"):
        detector = DeployedDetector(args.model, runtime, args.threads)
        found = [
            detector(Path(entry["path"]), np.array(entry["cam2img"]), args.score_thr)
            for entry in tqdm(expected, desc=runtime)
        ]
        rows.append(row(runtime, found, expected))
    count = sum(len(entry["boxes"]) for entry in expected)
    title = ["", "images alike", f"within 1 mm, 1e-3 rad of {count} boxes", "median mm", "99 % mm"]
    print()
    print(GithubFlavoredMarkdownTable([title, *rows]).table)


if __name__ == "__main__":
    main()
