"""How fast is the layer, beside OpenCV and PyPose on the same problems?

Inference finds poses without an initial one: 64 proposals, 5 final iterations. A training step is
64 proposals, 10 iterations, K Monte Carlo samples and the backward pass. OpenCV and PyPose have no
weights, no robust cost and no training step; their time is that of inference. A CUDA graph replays
a whole call, compiled.

    python benchmarks/pnp.py
"""

from __future__ import annotations

import argparse
import os
import platform
from itertools import product

import torch
from arithmetic import peak_rate
from inner_loops import inner_loops
from measure import Timing, measure_memory, set_threads, time_interleaved
from opencv_solvers import OPENCV_METHODS
from problems import ProblemSettings
from pypose_solvers import PYPOSE_INSTALLED
from terminaltables import GithubFlavoredMarkdownTable
from workloads import BASELINE, GRAPH, OURS, SOLVERS, Workload

HEADER = [
    *("task", "objects", "DoF", "solver", "device"),
    *("ms/call", "us/object", "xITERATIVE", "least(ms)", "error(m)", "error(deg)"),
    *("MB", "first(s)", "calls", "floor(ms)"),
]


def list_workloads(args: argparse.Namespace) -> list[Workload]:
    """What the table consists of; K = 512 only for the largest batch."""
    found = []
    for count, dof, mc_samples in product(args.objects, args.dof, (0, 128, 512)):
        if mc_samples == 512 and count != max(args.objects):
            continue
        problems = ProblemSettings(
            count, args.points, dof, noise=args.noise, outliers=args.outliers, seed=args.seed
        )
        for solver in args.solvers:
            devices = ["cpu"] if solver in OPENCV_METHODS else args.devices
            found += [Workload(solver, problems, mc_samples, device) for device in devices]
    return [workload for workload in found if workload.available]


def table_row(
    workload: Workload,
    timing: Timing,
    baseline: Timing | None,
    memory: float | None,
    peak: dict[str, float],
) -> list[str]:
    count = workload.problems.num_objects
    floor = 1e3 * workload.operations / peak[workload.device]
    return [
        workload.task,
        str(count),
        str(workload.problems.dof),
        workload.solver,
        workload.device,
        f"{1e3 * timing.median:.2f}",
        f"{1e6 * timing.median / count:.1f}",
        "-" if baseline is None else f"{timing.median / baseline.median:.2f}",
        f"{1e3 * timing.least:.2f}",
        f"{timing.translation_error:.3f}",
        f"{timing.rotation_error:.2f}",
        "-" if memory is None else f"{memory:.0f}",
        f"{timing.first:.2f}",
        str(timing.repeats),
        f"{floor:.3g}" if workload.solver in OURS else "-",
    ]


def inner_loop_table(args: argparse.Namespace, peak: dict[str, float]) -> str:
    """How far the inner loops are from the rate of a matrix product, on the largest batch."""
    rows = []
    solvers = [solver for solver in args.solvers if solver in OURS and solver != GRAPH]
    for device, dof, solver in product(args.devices, args.dof, solvers):
        problems = ProblemSettings(max(args.objects), args.points, dof, seed=args.seed)
        for loop in inner_loops(problems, OURS[solver], device):
            seconds, rate = loop.rate(device, args.repeats)
            row = [loop.name, str(dof), solver, device, f"{1e3 * seconds:.2f}", f"{rate / 1e9:.1f}"]
            rows.append([*row, f"{rate / peak[device]:.1%}"])
    header = ["inner loop", "DoF", "solver", "device", "ms", "GFLOP/s", "of matrix product"]
    return GithubFlavoredMarkdownTable([header, *rows]).table


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, nargs="+", default=[48, 288])
    parser.add_argument("--points", type=int, default=128, help="of each object")
    parser.add_argument("--dof", type=int, nargs="+", choices=(4, 6), default=[4, 6])
    parser.add_argument("--noise", type=float, default=1.0, help="of a pixel coordinate")
    parser.add_argument("--outliers", type=float, default=0.0, help="share of the points")
    parser.add_argument("--seed", type=int, default=0)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    parser.add_argument(
        "--devices", nargs="+", choices=devices, default=devices, help="OpenCV runs on the CPU"
    )
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=SOLVERS)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument(
        "--max-seconds", type=float, default=30.0, help="slower solvers are repeated less often"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--no-memory", action="store_true", help="leave the memory out")
    args = parser.parse_args(argv)

    set_threads(args.threads)
    torch.manual_seed(args.seed)
    workloads = list_workloads(args)
    peak = {device: peak_rate(device) for device in {w.device for w in workloads}}
    timings = time_interleaved(workloads, args.repeats, args.max_seconds)
    memory = {} if args.no_memory else measure_memory(workloads, args.threads)
    rows = [
        table_row(w, timings[w], timings.get(Workload(BASELINE, w.problems)), memory.get(w), peak)
        for w in workloads
    ]

    print(GithubFlavoredMarkdownTable([HEADER, *rows]).table)
    print(
        f"\n{platform.machine()}, {args.threads} threads, PyTorch {torch.__version__}; medians; "
        "least: the fastest call.\n"
        f"xITERATIVE: time by that of {BASELINE} at as many objects and DoF. "
        "MB: peak extra memory of a call.\nfirst: the first call, which compiles what earlier rows "
        "and the disk cache have not. floor: operations counted in\narithmetic.py at the rate of a "
        "float32 matrix product here, "
        + ", ".join(f"{rate / 1e9:.0f} GFLOP/s on {device}" for device, rate in peak.items())
        + "."
    )
    print(f"\n{inner_loop_table(args, peak)}")
    if not PYPOSE_INSTALLED:
        print("PyPose is not installed, so its rows are missing: pip install pypose")


if __name__ == "__main__":
    main()
