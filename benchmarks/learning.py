"""Does the detector learn, and how well beside others of the same backbone and recipe?

EPro-PnP-Det v2, v1b and v2 without a pose loss, and mmdet3d's FCOS3D and PGD with their own heads
learn from one synthetic dataset: the same images, backbone, optimizer, schedule, seeds and
evaluation (configs/learning). Every run is a training and a test of its own; what is done is
skipped, and what was interrupted goes on from its last epoch, when the same command is given again.

    python benchmarks/learning.py --size small --jobs 2
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

from learning_report import draw_curves, report
from learning_runs import MODELS, SIZES, Command, Run, dataset_commands
from tqdm import tqdm

from epropnp_det.errors import UserError, exit_on_user_error

POLL = 1.0  # seconds between looks at the running processes


@dataclass
class Active:
    """A run with the process that it is at."""

    run: Run
    commands: Generator[Command, float, None]
    process: subprocess.Popen
    command: Command


class Scheduler:
    """Carries out runs, some at a time.

    Args:
        runs: in the order in which they start.
        jobs: number of processes at once.
        environment: variables of the processes.

    Attributes:
        failed: why a run failed, in the order in which they did.
    """

    def __init__(self, runs: Iterable[Run], jobs: int, environment: dict[str, str]) -> None:
        self.failed: dict[Run, str] = {}
        self._waiting = list(runs)
        self._jobs = jobs
        self._environment = environment
        self._active: list[Active] = []

    @property
    def running(self) -> list[Run]:
        """The runs that have a process now."""
        return [active.run for active in self._active]

    def go(self, look: Callable[[], None]) -> None:
        """Run to the end, with a call of ``look`` now and then; processes do not outlive it."""
        try:
            while self._waiting or self._active:
                while self._waiting and len(self._active) < self._jobs:
                    run = self._waiting.pop(0)
                    self._advance(run, run.commands(), None)
                look()
                for active in list(self._active):
                    self._collect(active)
                if self._active:
                    time.sleep(POLL)
        finally:
            for active in self._active:
                active.process.terminate()
            for active in self._active:
                active.process.wait()

    def _advance(self, run: Run, commands: Generator, peak: float | None) -> None:
        try:
            command = commands.send(peak)
        except StopIteration:
            return
        process = start(command, self._environment)
        self._active.append(Active(run, commands, process, command))

    def _collect(self, active: Active) -> None:
        pid, status, usage = os.wait4(active.process.pid, os.WNOHANG)
        if not pid:
            return
        self._active.remove(active)
        active.process.returncode = os.waitstatus_to_exitcode(status)
        if active.process.returncode:
            tool = Path(active.command.words[0]).name
            self.failed[active.run] = (
                f"{tool} ended with status {active.process.returncode}, see {active.command.log}"
            )
            return
        self._advance(active.run, active.commands, usage.ru_maxrss * 1024 / 1e6)


def start(command: Command, environment: dict[str, str]) -> subprocess.Popen:
    """Start a process; its log goes on where an earlier one has stopped."""
    words = [sys.executable, *command.words]
    if command.log is None:
        return subprocess.Popen(words, env=environment)
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("a") as log:
        return subprocess.Popen(words, env=environment, stdout=log, stderr=log)


def prepare(commands: Iterable[Command], environment: dict[str, str]) -> None:
    """Make the dataset.

    Raises:
        UserError: a step failed; it has said why.
    """
    for command in commands:
        if start(command, environment).wait():
            raise UserError(f"the dataset could not be made: {Path(command.words[0]).name} failed.")


def environment_of(size: str, data: Path, jobs: int, epochs: int | None) -> dict[str, str]:
    """What the configs and the threads of each process are told."""
    told = dict(
        LEARNING_SIZE=size,
        NUSCENES_ROOT=str(data),
        NUSCENES_INFOS=".",
        OMP_NUM_THREADS=str(max(1, os.cpu_count() // jobs)),
    )
    if epochs is not None:
        told["LEARNING_EPOCHS"] = str(epochs)
    return os.environ | told


def bench(runs: list[Run], jobs: int, environment: dict[str, str]) -> dict[Run, str]:
    """Carry out what is not done yet; tell why runs failed."""
    left = [run for run in runs if run.load() is None]
    scheduler = Scheduler(left, jobs, environment)
    done = len(runs) - len(left)
    with tqdm(total=len(runs), initial=done, unit="run", smoothing=0, mininterval=10) as bar:

        def look() -> None:
            now = [f"{run}: {run.epoch} epochs" for run in scheduler.running]
            bar.set_postfix_str(", ".join(now), refresh=False)
            bar.update(sum(run.load() is not None for run in runs) - bar.n)

        scheduler.go(look)
    return scheduler.failed


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/learning"))
    parser.add_argument("--data", type=Path, help="dataset; made below --out when absent")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="length of the schedule (default: the recipe's)")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, which share the cores")
    parser.add_argument("--report", action="store_true", help="only print what is done")
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error("--jobs must be at least 1.")

    root = (args.out / args.size).resolve()
    data = (args.data or root / "data").resolve()
    # Seed 0 of every model comes first, so that an early look compares them all.
    runs = [Run(model, seed, root) for seed in args.seeds for model in args.models]
    failed = {}
    with exit_on_user_error():
        if not args.report:
            environment = environment_of(args.size, data, args.jobs, args.epochs)
            prepare(dataset_commands(SIZES[args.size], data, os.cpu_count()), environment)
            failed = bench(runs, args.jobs, environment)
        records = [record for run in runs if (record := run.load())]
        if not records and not failed:
            raise UserError(f"{root} holds no finished run: leave --report out.")
    if records:
        draw_curves(records, root / "curves.png")
        print(f"{report(records)}\n\n{len(records)} of {len(runs)} runs done; {root}/curves.png")
    for run, reason in failed.items():
        print(f"FAILED {run}: {reason}", file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    # So that the processes of the runs end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    main()
