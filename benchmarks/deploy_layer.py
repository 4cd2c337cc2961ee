"""How long does the exported PnP layer take, beside PyTorch, compiled and not?

All solve the same random objects in turns, in one process.

    python tools/export_layer.py layer.onnx --dof 4 --points 128
    python benchmarks/deploy_layer.py layer.onnx
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from problems import ProblemSettings, make_problem
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

from epropnp_det.deploy import DeployedLayer
from epropnp_det.pnp import RandomSampleSolver


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="file of tools/export_layer.py")
    parser.add_argument("--objects", type=int, default=288)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--no-compile", action="store_true", help="spare the minutes of compiling")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    layers = {
        name: DeployedLayer(args.model, name, args.threads) for name in ("onnxruntime", "openvino")
    }
    about = layers["openvino"].description
    problem, _ = make_problem(ProblemSettings(args.objects, about.num_points, about.dof))
    numbers = (problem.x3d, problem.x2d, problem.w2d, problem.camera.cam_mats)
    arrays = [each.numpy() for each in numbers]
    calls: dict[str, Callable] = {}
    for name, compile in (("compiled", True), ("uncompiled", False)):
        if not (compile and args.no_compile):
            solver = RandomSampleSolver(dof=about.dof, compile=compile)
            calls[f"PyTorch, {name}"] = lambda solver=solver: solver(problem)
    for name, layer in layers.items():
        calls[name] = lambda layer=layer: layer(*arrays)

    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in tqdm(range(args.repeats + 2)):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn >= 2:  # before that it warms up
                seconds[name].append(time.perf_counter() - start)
    rows = [["", "ms", "least"]]
    for name, taken in seconds.items():
        rows.append([name, f"{1e3 * statistics.median(taken):.1f}", f"{1e3 * min(taken):.1f}"])
    count = f"{args.objects} objects of {about.num_points} points, {about.dof} DoF"
    print(f"\n{count}, {args.threads} threads\n\n{GithubFlavoredMarkdownTable(rows).table}")


if __name__ == "__main__":
    main()
