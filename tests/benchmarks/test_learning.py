import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import learning
import learning_runs
import pytest
from learning import Scheduler
from learning_report import draw_curves, report, spread
from learning_runs import SIZES, Command, Record, Run, dataset_commands
from PIL import Image

SCORES = dict(NDS=0.25, mAP=0.125, mATE=0.5, mAOE=0.75)
RECORD = Record("v2", 0, SCORES, 1.5, 1234.5, False, [(6, 0.1), (12, 0.25)])


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "POLL", 0.01)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Function that makes tools of a few lines; each leaves its call in calls.txt."""
    folder = tmp_path / "repo" / "tools"
    folder.mkdir(parents=True)
    monkeypatch.setattr(learning_runs, "REPO", folder.parent)

    def write(**bodies: str) -> None:
        for name, body in bodies.items():
            (folder / f"{name}.py").write_text(
                "import json, sys\nfrom pathlib import Path\n"
                f"calls = Path({str(tmp_path / 'calls.txt')!r})\n"
                f"calls.open('a').write('{name} ' + Path(sys.argv[1]).stem + '\\n')\n"
                "work = Path(sys.argv[sys.argv.index('--work-dir') + 1])\n" + body
            )

    return write


TRAIN = """
log = work / "20260101" / "vis_data"
log.mkdir(parents=True)
(work / "last_checkpoint").write_text(str(work / "epoch_3.pth"))
lines = [dict(loss=1.0, time=t, step=i) for i, t in enumerate([9, 9, 9, 9, 9, 1, 2, 7])]
lines.insert(4, {"metric/NDS": 0.2, "time": 100.0, "step": 2})
(log / "scalars.json").write_text("".join(json.dumps(line) + chr(10) for line in lines))
"""
TEST = """
scores = work / "pred_instances_3d"
scores.mkdir(parents=True)
errors = dict(trans_err=0.5, orient_err=0.75)
summary = dict(nd_score=0.25, mean_ap=0.125, tp_errors=errors)
(scores / "metrics_summary.json").write_text(json.dumps(summary))
"""


def go(*runs: Run, jobs: int = 1) -> Scheduler:
    scheduler = Scheduler(runs, jobs, {})
    scheduler.go(lambda: None)
    return scheduler


def test_a_run_leaves_a_record_and_is_not_repeated(tools, tmp_path):
    tools(train=TRAIN, test=TEST)
    run = Run("v2", 1, tmp_path / "out")
    assert run.load() is None and run.epoch == 0
    assert not go(run).failed
    record = run.load()
    assert record.memory > 1  # a Python process
    assert replace(record, memory=0) == Record("v2", 1, SCORES, 2.0, 0, False, [[2, 0.2]])
    assert run.epoch == 3
    go(run)
    assert (tmp_path / "calls.txt").read_text().split("\n")[:-1] == ["train v2", "test v2"]


def test_memory_of_a_gpu_comes_from_the_log(tools, tmp_path):
    tools(train=TRAIN.replace("loss=1.0", "loss=1.0, memory=100 * i"), test=TEST)
    run = Run("pgd", 0, tmp_path / "out")
    go(run)
    assert run.load().on_gpu and run.load().memory == 700


def test_a_failure_is_told_and_the_run_goes_on_where_it_failed(tools, tmp_path):
    tools(train=TRAIN, test="print('the reason')\nsys.exit(3)")
    runs = [Run(model, 0, tmp_path / "out") for model in ("fcos3d", "pgd")]
    failed = go(*runs, jobs=2).failed
    assert set(failed) == set(runs)
    log = runs[0].folder / "test.log"
    assert failed[runs[0]] == f"test.py ended with status 3, see {log}"
    assert log.read_text() == "the reason\n"
    assert runs[0].load() is None
    tools(test=TEST)
    assert not go(*runs).failed
    calls = sorted((tmp_path / "calls.txt").read_text().split("\n")[:-1])
    assert calls == sorted(f"{t} {r.model}" for r in runs for t in ("train", "test", "test"))


def test_no_process_outlives_an_interruption(tools, tmp_path):
    tools(train="import time\ntime.sleep(600)")
    scheduler = Scheduler([Run("v2", seed, tmp_path / "out") for seed in range(3)], 2, {})
    active = []

    def interrupt() -> None:
        active.extend(scheduler._active)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scheduler.go(interrupt)
    assert len(active) == 2
    assert all(a.process.returncode for a in active)


def test_commands_of_a_run(tmp_path):
    commands = Run("v1b", 2, tmp_path).commands()
    train = next(commands).words
    assert Path(train[0]).is_file() and Path(train[1]).is_file()
    assert "--resume" in train and train[-1] == "randomness.seed=2"


def test_dataset_is_made_once(tmp_path):
    create, prepare = dataset_commands(SIZES["small"], tmp_path, 2)
    assert Path(create.words[0]).is_file() and Path(prepare.words[0]).is_file()
    (tmp_path / "nuscenes_infos_val.pkl").touch()
    assert dataset_commands(SIZES["small"], tmp_path, 2) == []


@pytest.fixture
def records() -> list[Record]:
    other = dict(SCORES, NDS=0.35)
    return [replace(RECORD, seed=2, metrics=other), RECORD, replace(RECORD, model="pgd")]


def test_table(records):
    lines = report(records).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:4]]
    assert cells[0] == ["model", "seeds", *SCORES, "s/iteration", "memory(GB)"]
    cells = cells[2:]
    assert cells[0][:4] == ["EPro-PnP-Det v2", "0 2", "0.300 ± 0.071", "0.125 ± 0.000"]
    assert cells[1] == ["PGD", "0", "0.250", "0.125", "0.500", "0.750", "1.50", "1.23"]
    assert "resident set" in lines[-1] and "GPU" not in lines[-1]


def test_spread_of_known_values():
    assert spread([1.0, 2.0, 3.0], 1) == "2.0 ± 1.0"


def test_curves_of_any_records_are_drawn(records, tmp_path):
    records.append(replace(RECORD, model="v1b", curve=[]))
    draw_curves(records, tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").size == (1050, 600)


def test_report_alone(run_script, tmp_path):
    report_alone = (learning.__file__, "--report", "--out", tmp_path)
    nothing = run_script(tmp_path, *report_alone)
    assert nothing.returncode == 2
    assert nothing.stderr == f"error: {tmp_path}/small holds no finished run: leave --report out.\n"
    folder = tmp_path / "small" / "v2-0"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(asdict(RECORD)))
    done = run_script(tmp_path, *report_alone)
    assert done.returncode == 0
    assert "EPro-PnP-Det v2 | 0 " in done.stdout and "1 of 15 runs done" in done.stdout
    assert (tmp_path / "small" / "curves.png").is_file()


def test_exit_status_of_a_failure(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(learning, "dataset_commands", lambda *_: [])
    broken = Command(("-c", "raise SystemExit(7)"), tmp_path / "train.log")
    monkeypatch.setattr(Run, "commands", lambda run: iter_once(broken))
    with pytest.raises(SystemExit) as stop:
        learning.main(["--out", str(tmp_path), "--seeds", "0", "--models", "pgd"])
    assert stop.value.code == 1
    assert "FAILED pgd seed 0: -c ended with status 7" in capsys.readouterr().err


def iter_once(command: Command):
    yield command
