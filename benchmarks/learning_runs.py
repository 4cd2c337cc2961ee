"""What a run of the learning benchmark consists of, where its files lie, and what it leaves."""

from __future__ import annotations

import json
import statistics
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from epropnp_det.whole_file import whole_file

REPO = Path(__file__).resolve().parents[1]
MODELS = {
    "v2": "EPro-PnP-Det v2",
    "v1b": "EPro-PnP-Det v1b",
    "reprojection": "v2, reprojection loss only",
    "fcos3d": "FCOS3D",
    "pgd": "PGD",
}
SUMMARY = Path("pred_instances_3d", "metrics_summary.json")
WARM_UP = 5  # lines of a training's log


@dataclass(frozen=True)
class Size:
    """A dataset to learn from; ``configs/learning`` holds the rest of what a size stands for."""

    version: str
    scenes: int
    samples_per_scene: int
    val_samples_per_scene: int
    image_size: str


SIZES = {
    "small": Size("v1.0-trainval", 60, 5, 2, "400x224"),
    "full": Size("v1.0-trainval", 400, 10, 5, "800x448"),
}


@dataclass(frozen=True)
class Command:
    """A process to run.

    Attributes:
        words: of its command line, behind the interpreter.
        log: file that takes what it prints; None for the terminal.
    """

    words: tuple[str, ...]
    log: Path | None = None


@dataclass(frozen=True)
class Record:
    """What a finished run leaves.

    Attributes:
        model, seed: which run it was.
        metrics: nuScenes scores of the last epoch, by name.
        seconds: of a training iteration, the median.
        memory: peak of the training, MB (10^6 bytes).
        on_gpu: whether that is memory allocated on a GPU; if not, it is the resident set of the
            training process without its data loader.
        curve: (epoch, validation NDS), in order.
    """

    model: str
    seed: int
    metrics: dict[str, float]
    seconds: float
    memory: float
    on_gpu: bool
    curve: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A training and the test of its last checkpoint.

    Attributes:
        model: key of :data:`MODELS`.
        seed: of weights, shuffling and flips.
        root: folder of all runs of a size.
    """

    model: str
    seed: int
    root: Path

    def __str__(self) -> str:
        return f"{self.model} seed {self.seed}"

    @property
    def folder(self) -> Path:
        return self.root / f"{self.model}-{self.seed}"

    @property
    def epoch(self) -> int:
        """Number of epochs that are safe on disk."""
        pointer = self.folder / "train" / "last_checkpoint"
        if not pointer.is_file():
            return 0
        return int(Path(pointer.read_text().strip()).stem.removeprefix("epoch_"))

    def load(self) -> Record | None:
        """The record of this run if it is finished."""
        path = self.folder / "result.json"
        return Record(**json.loads(path.read_text())) if path.is_file() else None

    def commands(self) -> Generator[Command, float, None]:
        """What is left to do, one process after the other; a finished run yields nothing.

        Each ``send`` tells the peak resident set of the process that ended well, MB. The record is
        written when the last one has.
        """
        result, trained = self.folder / "result.json", self.folder / "peak.json"
        if result.is_file():
            return
        if not trained.is_file():
            peak = yield self._command("train", "--resume", option=f"randomness.seed={self.seed}")
            _write(trained, peak)
        checkpoint = (self.folder / "train" / "last_checkpoint").read_text().strip()
        scores = f"test_evaluator.jsonfile_prefix={self.folder / 'test'}"
        yield self._command("test", checkpoint, option=scores)
        _write(result, asdict(self._read(json.loads(trained.read_text()))))

    def _command(self, tool: str, *words: str, option: str) -> Command:
        return Command(
            (
                str(REPO / "tools" / f"{tool}.py"),
                str(REPO / "configs" / "learning" / f"{self.model}.py"),
                *words,
                "--work-dir",
                str(self.folder / tool),
                "--cfg-options",
                option,
            ),
            self.folder / f"{tool}.log",
        )

    def _read(self, peak: float) -> Record:
        logs = sorted((self.folder / "train").glob("*/vis_data/scalars.json"))
        lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
        training = [line for line in lines if "loss" in line]
        # Of validation, "step" is the epoch.
        validation = [(line, key) for line in lines for key in line if key.endswith("/NDS")]
        on_gpu = max(line.get("memory", 0) for line in training)
        scores = json.loads((self.folder / "test" / SUMMARY).read_text())
        return Record(
            model=self.model,
            seed=self.seed,
            metrics=dict(
                NDS=scores["nd_score"],
                mAP=scores["mean_ap"],
                mATE=scores["tp_errors"]["trans_err"],
                mAOE=scores["tp_errors"]["orient_err"],
            ),
            seconds=statistics.median(line["time"] for line in training[WARM_UP:] or training),
            memory=on_gpu or peak,
            on_gpu=bool(on_gpu),
            curve=sorted({line["step"]: line[key] for line, key in validation}.items()),
        )


def dataset_commands(size: Size, root: Path, workers: int) -> list[Command]:
    """Processes that make a size's dataset; they do nothing where it is complete."""
    if (root / "nuscenes_infos_val.pkl").is_file():
        return []
    return [
        Command(
            (
                str(REPO / "tools" / "create_synthetic_nuscenes.py"),
                *("--out", str(root)),
                *("--version", size.version),
                *("--scenes", str(size.scenes)),
                *("--samples-per-scene", str(size.samples_per_scene)),
                *("--val-samples-per-scene", str(size.val_samples_per_scene)),
                *("--image-size", size.image_size),
                *("--workers", str(workers)),
            ),
        ),
        Command(
            (
                *(str(REPO / "tools" / "create_data.py"), "nuscenes"),
                *("--root", str(root)),
                *("--version", size.version),
                *("--workers", str(workers)),
            ),
        ),
    ]


def _write(path: Path, content: object) -> None:
    with whole_file(path) as draft:
        draft.write_text(json.dumps(content, indent=1))
