import os
import pickle
import subprocess
import sys
from pathlib import Path

import create_data
import pytest
from create_data import HERE, Converter, Cost, measure, run_once


def rows_of(printed: str) -> list[list[str]]:
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_prints_a_row_a_converter(keyframe_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(keyframe_root.rglob("*"))
    create_data.main(["--root", str(keyframe_root), "--workers", "2", "--repeats", "1"])
    header, _, *rows = rows_of(capsys.readouterr().out)
    assert header == ["converter", "workers", "keyframes", "s", "CPU s", "keyframes/s", "xmmdet3d"]
    assert [row[:3] for row in rows] == [["ours", "2", "1"], ["mmdet3d", "1", "1"]]
    assert all(float(number) > 0 for row in rows for number in row[3:])
    assert set(keyframe_root.rglob("*")) == before


def test_without_mmdet3ds_converters_there_is_nothing_beside_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def costs(converters: list[Converter], *_) -> dict[Converter, Cost]:
        return {converter: Cost(2.0, 3.0, 8) for converter in converters}

    monkeypatch.setattr(create_data, "stock_converters", lambda: None)
    monkeypatch.setattr(create_data, "measure", costs)
    create_data.main(["--root", str(tmp_path), "--before", str(tmp_path)])
    printed = capsys.readouterr().out
    _, _, *rows = rows_of(printed)
    ends = ["8", "2.00", "3.00", "4.0", "-"]
    assert rows == [[n, w, *ends] for n in ("ours", "ours, before") for w in ("1", "2")]
    assert "are not installed" in printed


def test_medians_of_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    turns = []

    class Pool:
        def __init__(self, *_, **__) -> None: ...

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *_) -> None: ...

        def submit(self, run: object, converter: Converter, *_) -> "Pool":
            assert run is run_once
            turns.append(converter)
            return self

        def result(self) -> Cost:
            return Cost(wall=float(len(turns)), cpu=float(-len(turns)), frames=5)

    monkeypatch.setattr(create_data, "ProcessPoolExecutor", Pool)
    a, b = (Converter(name, tmp_path, 1) for name in "ab")
    assert measure([a, b], tmp_path, "v1.0-mini", 3) == {a: Cost(3, -3, 5), b: Cost(4, -4, 5)}
    assert turns == [a, b] * 3


def test_another_checkout_is_the_one_that_runs(tmp_path: Path) -> None:
    """A package of our name that writes two keyframes, in a process of its own as in the tool."""
    package = tmp_path / "checkout/epropnp_det"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "datasets.py").write_text(
        "def create_nuscenes_infos(root, version, out, workers):\n"
        f"    (out / 'x.pkl').write_bytes({pickle.dumps({'data_list': [1, 2]})!r})\n"
    )
    script = (
        "import sys; from pathlib import Path; from create_data import Converter, run_once\n"
        "cost = run_once(Converter('', Path(sys.argv[1]), 1), Path(), 'v1.0-mini')\n"
        "sys.exit(40 + cost.frames)"
    )
    environment = os.environ | {"PYTHONPATH": str(HERE / "benchmarks")}
    command = [sys.executable, "-c", script, str(tmp_path / "checkout")]
    assert subprocess.run(command, env=environment, cwd=tmp_path).returncode == 42
