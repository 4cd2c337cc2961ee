"""How long do nuScenes info files take, beside mmdet3d's own converter?

Each converter writes the files of the same scenes in a process of its own, in turns, so that noise
of the machine hits all equally. Importing it does not count. mmdet3d's makes info files and then
rewrites them in the format of version 2; its database of LiDAR objects is left out. Of the files
that it refers to it checks only the keyframes' point clouds.

    python benchmarks/create_data.py --root work_dirs/synthetic --version v1.0-mini
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pickle
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

HERE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Converter:
    """What writes info files.

    Attributes:
        name: In the table.
        source: The checkout of ours, or the folder of mmdet3d's converters.
        workers: Number of processes, None for mmdet3d's, which has one.
    """

    name: str
    source: Path
    workers: int | None = None

    def load(self, version: str) -> Callable[[Path, Path], object]:
        """Import what is needed; the answer takes dataroot and output folder."""
        sys.path.insert(0, str(self.source))
        if self.workers is None:
            return _stock(version)
        from epropnp_det.datasets import create_nuscenes_infos

        return lambda root, out: create_nuscenes_infos(root, version, out, self.workers)


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
        wall: Seconds.
        cpu: Seconds of all processes together.
        frames: Number of keyframes in the files.
    """

    wall: float
    cpu: float
    frames: int


def stock_converters() -> Path | None:
    """Folder of mmdet3d's converters, which a source checkout and ``mim install`` bring."""
    package = Path(find_spec("mmdet3d").origin).parent
    places = (package / ".mim/tools", package.parent / "tools")
    return next((p / "dataset_converters" for p in places if p.is_dir()), None)


def _stock(version: str) -> Callable[[Path, Path], object]:
    from nuscenes_converter import create_nuscenes_infos
    from update_infos_to_v2 import update_nuscenes_infos

    def create(root: Path, out: Path) -> None:
        # It writes to the dataroot, and its second half looks for that in one place.
        linked = out / "data/nuscenes"
        linked.mkdir(parents=True)
        for entry in root.iterdir():
            (linked / entry.name).symlink_to(entry.resolve())
        os.chdir(out)
        create_nuscenes_infos("data/nuscenes", "benchmark", version)
        for path in Path("data/nuscenes").glob("benchmark_infos_*.pkl"):
            if pickle.loads(path.read_bytes())["infos"]:  # without any it fails
                update_nuscenes_infos(str(path), str(out))

    return create


def run_once(converter: Converter, root: Path, version: str) -> Cost:
    """Write the files of a dataroot to a folder that is removed; for a process of its own."""
    # This process was spawned; its own are to start as they do for a user.
    multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    create = converter.load(version)
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        create(root, Path(folder))
        wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
        written = [pickle.loads(path.read_bytes()) for path in Path(folder).glob("*.pkl")]
    return Cost(wall, cpu, sum(len(content["data_list"]) for content in written))


def _cpu_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(
    converters: list[Converter], root: Path, version: str, repeats: int
) -> dict[Converter, Cost]:
    """Median costs of each converter over runs in turns."""
    costs: dict[Converter, list[Cost]] = {converter: [] for converter in converters}
    context = multiprocessing.get_context("spawn")
    with tqdm(total=repeats * len(converters)) as bar:
        for _ in range(repeats):
            for converter, found in costs.items():
                with ProcessPoolExecutor(1, context) as pool:  # one for each
                    found.append(pool.submit(run_once, converter, root, version).result())
                bar.update()
    return {
        converter: Cost(
            median(c.wall for c in found), median(c.cpu for c in found), found[0].frames
        )
        for converter, found in costs.items()
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="the nuScenes folder")
    parser.add_argument("--version", default="v1.0-mini")
    parser.add_argument("--workers", type=int, nargs="+", default=(1, 2), help="of ours")
    parser.add_argument("--before", type=Path, help="a checkout of ours at another revision")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args(argv)

    checkouts = {"ours": HERE} | ({"ours, before": args.before.resolve()} if args.before else {})
    converters = [Converter(n, path, w) for n, path in checkouts.items() for w in args.workers]
    stock = stock_converters()
    if stock:
        converters.append(Converter("mmdet3d", stock))
    costs = measure(converters, args.root.resolve(), args.version, args.repeats)

    rates = {converter.name: cost.frames / cost.wall for converter, cost in costs.items()}
    header = ["converter", "workers", "keyframes", "s", "CPU s", "keyframes/s", "xmmdet3d"]
    rows = [
        [c.name, c.workers or 1, cost.frames, f"{cost.wall:.2f}", f"{cost.cpu:.2f}"]
        + [f"{cost.frames / cost.wall:.1f}"]
        + [f"{cost.frames / cost.wall / rates['mmdet3d']:.1f}" if stock else "-"]
        for c, cost in costs.items()
    ]
    print(GithubFlavoredMarkdownTable([header, *rows]).table)
    print(f"\n{platform.machine()}, {os.cpu_count()} cores; medians of {args.repeats} runs.")
    if not stock:
        print("mmdet3d's converters are not installed: `mim install mmdet3d` brings them.")


if __name__ == "__main__":
    main()
