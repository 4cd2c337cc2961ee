"""Simulate new streets seen from higher up, and teach the shipped network to see from there.

The checkpoint that ships with the repository knows cameras at a car's height alone, which no
resizing of images mends: its training is continued for a few minutes. It is tested and drawn before
and after. Everything lands in work_dirs/demo below the current folder. Run it again to go on after
an interruption; steps that are done are skipped.
"""

import argparse
import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from epropnp_det.command_line import (
    ToolParser,
    answering,
    check_output_folder,
    run_tool,
)
from epropnp_det.errors import UserError
from epropnp_det.shipped import shipped_folder
from epropnp_det.whole_file import whole_file

CONFIG = shipped_folder() / "configs" / "epropnp_det" / "epropnp-det_tiny_demo-continued.py"
SHIPPED = shipped_folder() / "checkpoints" / "epropnp-det_r18_synthetic.pth"
ROOT = Path("work_dirs/demo")
DATA = ROOT / "data"  # the config's data_root
VERSION = "v1.0-mini"
# Of another seed than what the shipped checkpoint was trained on.
SEED = 1
RAISE_CAMERAS = "1"  # metres
MIN_SCORE = 0.3


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny dataset and a single epoch")
    return parser.parse_args()


class Steps:
    """Runs named steps in order; one that finished earlier is skipped, unless one before it ran."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._record = folder / "done.json"
        self._earlier = json.loads(self._record.read_text()) if self._record.is_file() else {}
        self._done = {}

    def run(
        self, name: str, action: Callable[[], None], inputs: str, outdates: Path | None = None
    ) -> None:
        """Run ``action`` unless it was done for the same ``inputs``; first remove ``outdates``."""
        if self._earlier.get(name) == inputs:
            print(f"== {name}: already done", flush=True)
            self._done[name] = inputs
            return
        # Before anything changes: what was made from this step's earlier result is void, even if
        # this run is interrupted.
        self._earlier = {}
        self._write_record()
        if outdates is not None and outdates.exists():
            shutil.rmtree(outdates)
        print(f"== {name}", flush=True)
        start = time.monotonic()
        action()
        self._done[name] = inputs
        self._write_record()
        print(f"== {name}: done in {time.monotonic() - start:.0f} s", flush=True)

    def _write_record(self) -> None:
        with whole_file(self._record) as draft:
            draft.write_text(json.dumps(self._done, indent=2))

    def run_tool(self, name: str, *arguments: str | Path, outdates: Path | None = None) -> None:
        """Run one of the tools as a step."""
        command = [sys.executable, "-m", "epropnp_det", *map(str, arguments)]

        def action() -> None:
            if run_tool(command):
                raise UserError(f"step '{name}' failed; its command was: {shlex.join(command)}")

        self.run(name, action, shlex.join(command), outdates)


@dataclass(frozen=True)
class Tested:
    """A checkpoint's results on the validation scenes, in ``folder``."""

    checkpoint: Path
    folder: Path

    @property
    def submission(self) -> Path:
        return self.folder / "pred_instances_3d" / "results_nusc.json"

    @property
    def scores(self) -> Path:
        return self.submission.with_name("metrics_summary.json")

    @property
    def picture(self) -> Path:
        return self.folder / "predictions.png"

    def run(self, steps: Steps) -> None:
        """Test the checkpoint and draw the last sample but one, in which little is hidden."""
        steps.run_tool(
            f"test {self.checkpoint.name}",
            "test",
            CONFIG,
            self.checkpoint,
            "--work-dir",
            self.folder,
            "--cfg-options",
            f"test_evaluator.jsonfile_prefix={self.folder}",
        )
        steps.run(f"draw {self.checkpoint.name}", self._draw, str(self.submission))
        print(f"{self.verdict()}; picture: {self.picture}", flush=True)

    def verdict(self) -> str:
        """Scores in words."""
        summary = json.loads(self.scores.read_text())
        return f"NDS {summary['nd_score']:.4f}, mAP {summary['mean_ap']:.4f}"

    def _draw(self) -> None:
        from nuscenes import NuScenes

        from epropnp_det.visualization import save_overview

        results = json.loads(self.submission.read_text())["results"]
        sample, detections = list(results.items())[-2:][0]
        nusc = NuScenes(VERSION, str(DATA), verbose=False)
        save_overview(self.picture, nusc, sample, detections, min_score=MIN_SCORE)


def demo(quick: bool) -> None:
    steps = Steps(ROOT)
    size = ("2", "2", "1") if quick else ("10", "3", "3")
    flags = ("--scenes", "--samples-per-scene", "--val-samples-per-scene")
    amounts = [word for pair in zip(flags, size, strict=True) for word in pair]
    train = ROOT / "train"
    # A training resumes from its own checkpoints, but never from those on other data.
    create = "create_synthetic_nuscenes"
    amounts += ["--seed", str(SEED), "--raise-cameras", RAISE_CAMERAS]
    steps.run_tool("generate", create, "--out", DATA, *amounts, outdates=train)
    prepare = ("create_data", "nuscenes", "--root", DATA, "--version", VERSION)
    steps.run_tool("prepare", *prepare, outdates=train)
    shipped = Tested(SHIPPED, ROOT / "shipped")
    shipped.run(steps)
    shorter = ("--cfg-options", "train_cfg.max_epochs=1") if quick else ()
    steps.run_tool("train", "train", CONFIG, "--work-dir", train, "--resume", *shorter)
    trained = Tested(Path((train / "last_checkpoint").read_text().strip()), ROOT / "test")
    trained.run(steps)
    report(train, shipped, trained)


def report(train: Path, shipped: Tested, trained: Tested) -> None:
    """Print where everything is and how good the models are."""
    places = {
        "dataset": DATA,
        "info files": DATA / "nuscenes_infos_{train,val}.pkl",
        "checkpoint": trained.checkpoint,
        "training log": max(train.glob("*/*.log")),
        "submission": trained.submission,
        "scores": trained.scores,
        "picture": trained.picture,
    }
    print()
    for name, path in places.items():
        print(f"{name:<13}{path}")
    print(f"\nOn the validation scenes, seen from {RAISE_CAMERAS} m higher up:")
    print(f"{shipped.verdict()} with the shipped {SHIPPED.name} ({shipped.picture}),")
    print(f"{trained.verdict()} after continuing its training")


def main() -> None:
    args = parse_args()
    with answering("say `make demo` again to go on"):
        check_output_folder(ROOT, "another current folder")
        demo(args.quick)


if __name__ == "__main__":
    main()
