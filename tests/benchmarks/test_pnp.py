import itertools
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from unittest import mock

import numpy as np
import pnp
import pytest
import workloads
from measure import STATUS, measure_memory, peak_growth, time_interleaved
from problems import ProblemSettings
from workloads import SOLVERS, Workload, prepare

OPENCV = ["OpenCV ITERATIVE", "OpenCV RANSAC"]
TINY = ["--points", "16", "--repeats", "2", "--no-memory", "--threads", "1"]


def printed_rows(text: str, title: str) -> list[dict[str, str]]:
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    header = next(row for row in cells if row[0] == title)
    below = cells[cells.index(header) + 2 :]
    rows = itertools.takewhile(lambda row: len(row) == len(header), below)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_prints_a_row_a_workload(capsys: pytest.CaptureFixture[str]) -> None:
    pnp.main(["--objects", "2", "3", *TINY, "--solvers", "ours, eager", *OPENCV])
    text = capsys.readouterr().out
    rows = [row for row in printed_rows(text, "task") if row["device"] == "cpu"]
    ours = [row for row in rows if row["solver"] == "ours, eager"]
    # K = 512 only for the larger batch.
    assert [(row["objects"], row["DoF"], row["task"]) for row in ours] == [
        (objects, dof, task)
        for objects, tasks in (("2", 2), ("3", 3))
        for dof in "46"
        for task in ["inference", "training, K=128", "training, K=512"][:tasks]
    ]
    assert all(float(row["floor(ms)"]) >= 0 for row in ours)
    theirs = [row for row in rows if row["solver"] in OPENCV]
    assert len(theirs) == 2 * 2 * 2
    assert all(row["task"] == "inference" for row in theirs)
    assert {row["xITERATIVE"] for row in theirs if row["solver"] == OPENCV[0]} == {"1.00"}
    loops = [row for row in printed_rows(text, "inner loop") if row["device"] == "cpu"]
    assert [(row["inner loop"], row["DoF"]) for row in loops] == [
        (name, dof)
        for dof in "46"
        for name in (
            "cost, 64 poses x 3 x 16 points",
            "6 times normal equations and step, 192 x 16 points",
        )
    ]


def test_says_that_pypose_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pnp, workloads):
        monkeypatch.setattr(module, "PYPOSE_INSTALLED", False)
    pnp.main(["--objects", "2", *TINY, "--solvers", OPENCV[0], "PyPose EPnP"])
    text = capsys.readouterr().out
    assert "PyPose is not installed" in text
    assert {row["solver"] for row in printed_rows(text, "task")} == {OPENCV[0]}


@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "ours, compiled"])
@pytest.mark.parametrize("dof", [4, 6])
def test_every_solver_finds_the_poses(solver: str, dof: int) -> None:
    problems = ProblemSettings(8, 32, dof, noise=0.1, depth=(5.0, 20.0))
    workload = Workload(solver, problems)
    if not workload.available:
        pytest.skip(f"{solver} is not installed, or not for a CPU")
    timing = time_interleaved([workload], repeats=1, max_seconds=60)[workload]
    assert timing.translation_error < 0.1
    assert timing.rotation_error < 1


@pytest.mark.parametrize("mc_samples", [0, 128])
def test_compiled_workloads_are_not_compiled_before_their_first_call(mc_samples: int) -> None:
    problems = ProblemSettings(2)
    with mock.patch("torch.compile", side_effect=AssertionError):
        _, true_pose = prepare(Workload("ours, compiled", problems, mc_samples))
    assert true_pose.shape == (2, 4)


def test_slow_workloads_are_called_less_often() -> None:
    workload = Workload("OpenCV ITERATIVE", ProblemSettings(4))
    timings = time_interleaved([workload], repeats=7, max_seconds=0.0)
    assert timings[workload].repeats == 3


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells the peak memory")
def test_memory_is_the_growth_at_its_peak() -> None:
    # A process of its own, as in the benchmark: a long-lived one's idle pages may be taken away
    # during the call, which hides growth.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        measured = pool.submit(growths_after_a_higher_peak).result()
    assert measured["0 MB"] < 5
    assert measured["200 MB"] == pytest.approx(200, abs=5)


def growths_after_a_higher_peak() -> dict[str, float]:
    np.ones(400_000_000, dtype=np.uint8)
    calls = {f"{size} MB": partial(np.ones, size * 10**6, dtype=np.uint8) for size in (200, 0)}
    return {name: max(peak_growth(call) for _ in range(3)) for name, call in calls.items()}


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells the peak memory")
def test_memory_is_measured_in_another_process() -> None:
    workload = Workload("ours, eager", ProblemSettings(64), mc_samples=512)
    gradients = 64 * 128 * (3 + 2 + 2) * 4 / 1e6
    assert measure_memory([workload], threads=1)[workload] > gradients
