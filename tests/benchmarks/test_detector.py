from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import detector
import pytest
import torch
from detector import COLUMNS, FCOS3D_STAGES, OUR_STAGES, Stopwatch, TimedDetector

SMALL = "configs/epropnp_det/epropnp-det_r18_fpn_small_nus-mono3d.py"


@pytest.fixture
def small(repo_root: Path) -> Path:
    return repo_root / SMALL


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that stands still; call it to let seconds pass."""
    now = [0.0]
    monkeypatch.setattr(detector.time, "perf_counter", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_a_stage_does_not_count_what_it_calls(clock: Callable[[float], None]) -> None:
    part = SimpleNamespace(inner=lambda: clock(1.0), twice=lambda: clock(2.0))

    def outer() -> str:
        clock(4.0)
        for call in (part.inner, part.twice, part.twice):
            call()
        clock(8.0)
        return "result"

    part.outer = outer
    stopwatch = Stopwatch("cpu")
    stopwatch.watch(part, "inner", "inner")
    stopwatch.watch(part, "twice", "twice")
    stopwatch.watch(part, "outer", "outer")
    for _ in range(2):
        assert part.outer() == "result"
    assert stopwatch.seconds == dict(inner=2.0, twice=8.0, outer=24.0)
    stopwatch.reset()
    part.inner()
    assert stopwatch.seconds == dict(inner=1.0)


def test_median_of_turns_after_the_first() -> None:
    def runs(*seconds: float) -> Callable[[torch.Tensor], dict[str, float]]:
        turns = iter(seconds)
        return lambda _: dict(backbone=next(turns), rest=1.0)

    medians = detector.measure(dict(a=runs(9, 1, 2, 4), b=runs(9, 3, 3, 8)), torch.zeros(1), 3)
    assert medians == dict(
        a=dict(backbone=2.0, rest=1.0, whole=3.0), b=dict(backbone=3.0, rest=1.0, whole=4.0)
    )


@pytest.mark.parametrize("num_objects", [1, 7])
def test_number_of_objects_is_the_one_asked_for(small: Path, num_objects: int) -> None:
    timed = TimedDetector(detector.our_config(small, num_objects), OUR_STAGES)
    solved, boxes = [], timed.model.bbox_head.boxes
    timed.model.bbox_head.boxes = lambda pred, *rest: (
        solved.append(len(pred.x3d)) or boxes(pred, *rest)
    )
    seconds = timed(torch.randn(1, 3, 160, 192))
    assert solved == [num_objects]
    assert set(seconds) == set(COLUMNS)
    assert all(taken > 0 for taken in seconds.values())


def test_prints_a_row_a_detector(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    detector.main(
        ["--config", str(small), "--size", "192", "160", "--objects", "3", "--repeats", "1"]
        + ["--threads", "1"]
    )
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    header, _, stock, changed, ours = rows[:5]
    assert [row[0] for row in (stock, changed, ours)] == ["FCOS3D", "FCOS3D, GatherDCNv2", "ours"]
    assert stock[header.index("xFCOS3D")] == "1.00"
    theirs = set(FCOS3D_STAGES.values()) | {"rest"}
    for stage in COLUMNS:
        assert ours[header.index(stage)].isdigit()
        assert stock[header.index(stage)].isdigit() == (stage in theirs)


def test_our_convolution_does_not_change_fcos3d() -> None:
    config = detector.get_config(detector.FCOS3D).model
    config.backbone.depth = 50
    timed = TimedDetector(config, FCOS3D_STAGES)
    for name, parameter in timed.model.named_parameters():
        if "conv_offset" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = timed.model.backbone(image)
        after = detector.use_our_convolution(timed).model.backbone(image)
    for one, other in zip(after, before, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
