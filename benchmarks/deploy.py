"""How long does an exported detector take for an image, and how much memory, beside PyTorch?

Each contender has a process of its own, into which no other was imported, and computes while the
others wait; their turns alternate. All take an image to the objects before suppression, as many as
the file tells. PyTorch runs the network that the file was made of.

    python tools/export.py CONFIG CHECKPOINT model.onnx --image-size 1600x900
    python benchmarks/deploy.py model.onnx CONFIG CHECKPOINT
"""

from __future__ import annotations

import argparse
import platform
import re
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

from epropnp_det.command_line import add_cfg_options
from epropnp_det.deploy import DeployedDetector
from epropnp_det.deploy.runtimes import open_file

Contender = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]


def pytorch(args: argparse.Namespace) -> Contender:
    import torch

    from epropnp_det.apis import EProPnPDet3DInferencer
    from epropnp_det.engine.config import load_config
    from epropnp_det.export import DetectorGraph
    from epropnp_det.export.describe import top_rows

    torch.set_num_threads(args.threads)
    cfg = load_config(args.config, args.cfg_options)
    model = EProPnPDet3DInferencer(cfg, args.checkpoint, "cpu", posterior=False).model
    graph = DetectorGraph(model, top_rows(cfg), args.objects).eval()

    @torch.no_grad()
    def run(image: np.ndarray, cam2img: np.ndarray) -> dict[str, np.ndarray]:
        found = graph(torch.from_numpy(image), torch.from_numpy(cam2img))
        return {name: each.numpy() for name, each in found._asdict().items()}

    return run


def exported(runtime: str) -> Callable[[argparse.Namespace], Contender]:
    def load(args: argparse.Namespace) -> Contender:
        file = open_file(args.model, runtime, args.threads)
        return lambda image, cam2img: file({"image": image, "cam2img": cam2img})

    return load


CONTENDERS = {
    "torch": pytorch,
    "onnxruntime": exported("onnxruntime"),
    "openvino": exported("openvino"),
}


def serve(name: str, args: argparse.Namespace, pipe: Connection) -> None:
    """Load, say how long that took, and at every request run once and say how long that took."""
    start = time.perf_counter()
    run = CONTENDERS[name](args)
    pipe.send(time.perf_counter() - start)
    image, cam2img = example(args.size)
    while pipe.recv():
        start = time.perf_counter()
        found = run(image, cam2img)
        seconds = time.perf_counter() - start
        status = Path("/proc/self/status").read_text()
        pipe.send((seconds, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024, found))


def example(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """An image of noise, and a camera."""
    width, height = size
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    camera = [[0.8 * width, 0, width / 2], [0, 0.8 * width, height / 2], [0, 0, 1]]
    return image, np.array(camera, dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="file of tools/export.py")
    parser.add_argument("config", help="with which it was exported")
    parser.add_argument("checkpoint", help="of which it was made")
    add_cfg_options(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    about = DeployedDetector(args.model).description
    args.size, args.objects = about.image_size, about.max_objects

    context = get_context("spawn")
    pipes, loading = {}, {}
    for name in CONTENDERS:
        pipes[name], theirs = context.Pipe()
        context.Process(target=serve, args=(name, args, theirs), daemon=True).start()
        loading[name] = pipes[name].recv()
    seconds, memory, found = {name: [] for name in CONTENDERS}, {}, {}
    for turn in tqdm(range(args.repeats + 2)):
        for name, pipe in pipes.items():
            pipe.send(True)
            taken, memory[name], found[name] = pipe.recv()
            if turn >= 2:  # before that it warms up
                seconds[name].append(taken)
    for pipe in pipes.values():
        pipe.send(False)

    size = Path(args.model).stat().st_size / 1e6
    print(f"\n{platform.processor() or platform.machine()}, {args.threads} threads")
    print(f"{args.size[0]} x {args.size[1]}, {args.objects} objects, file of {size:.0f} MB\n")
    rows = [["", "load s", "image s", "by PyTorch's", "peak MB", "by PyTorch's", "labels alike"]]
    base = statistics.median(seconds["torch"])
    for name in CONTENDERS:
        median = statistics.median(seconds[name])
        alike = (found[name]["label"] == found["torch"]["label"]).mean()
        rows.append(
            [
                f"{name} {metadata.version(name)}",
                f"{loading[name]:.1f}",
                f"{median:.3f}",
                f"{median / base:.2f}",
                f"{memory[name] / 1e6:.0f}",
                f"{memory[name] / memory['torch']:.2f}",
                f"{alike:.0%}",
            ]
        )
    table = GithubFlavoredMarkdownTable(rows)
    print(table.table)


if __name__ == "__main__":
    main()
