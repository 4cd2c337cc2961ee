"""What happens when the compiler fails, in processes with caches of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from epropnp_det.pnp.compile_errors import remove_broken_entry

REPO = Path(__file__).resolve().parents[2]
needs_compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="there is no C++ compiler"
)

# The smallest of compiled functions, twice.
SCRIPT = """
import torch
from epropnp_det.pnp.backend import _Compiled

def double(x):
    return (x * 2).sin().sum(-1)

x = torch.arange(12.0).reshape(3, 4)
run = _Compiled(double)
for _ in range(2):
    assert torch.allclose(run(x), double(x))
print("as it is" if run._run is double else "compiled")
"""


def run(cache: Path | str, **variables: str) -> tuple[str, list[str]]:
    """Output and messages of the script."""
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache), **variables}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**environment, "OMP_NUM_THREADS": "1"},
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr.splitlines()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, str, list[str]]:
    """A cache that a run has filled, and what the run said."""
    cache = tmp_path_factory.mktemp("inductor") / "cache"
    return cache, *run(cache)


def said_uncompiled(lines: list[str]) -> list[str]:
    return [line for line in lines if "runs uncompiled" in line]


@needs_compiler
def test_one_line_before(whole):
    _, how, said = whole
    assert how == "compiled"
    assert [line for line in said if line.startswith("epropnp_det.pnp: compiling")] == said[:1]


@needs_compiler
@pytest.mark.parametrize(("kind", "size"), [("*.main.so", 0), ("*.py", 0), ("*.py", 100)])
def test_broken_entry_is_made_anew(whole, tmp_path, kind, size):
    cache = tmp_path / "cache"
    shutil.copytree(whole[0], cache)
    files = list(cache.glob(f"??/{kind}"))
    assert files
    for path in files:
        os.truncate(path, size)
    how, said = run(cache)
    assert how == "compiled" and not said_uncompiled(said)
    assert all(path.stat().st_size > 100 for path in files)


@pytest.mark.parametrize("place", ["/dev/null/cache", "{folder}/file"])
def test_cache_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").touch()
    how, said = run(place.format(folder=tmp_path))
    (line,) = said_uncompiled(said)
    assert how == "as it is"
    assert "in TORCHINDUCTOR_CACHE_DIR" in line and "C++ compiler" not in line


def test_no_compiler(tmp_path):
    how, said = run(tmp_path, CXX="/absent/compiler")
    (line,) = said_uncompiled(said)
    assert how == "as it is" and "install a C++ compiler" in line


def test_files_elsewhere_are_left_alone(tmp_path, monkeypatch):
    key = "c" + "a" * 51
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    outside = tmp_path / f"{key}.so"
    outside.touch()
    inside = tmp_path / "cache" / "aa" / f"{key}.main.so"
    inside.parent.mkdir(parents=True)
    inside.touch()
    assert not remove_broken_entry(RuntimeError("another reason"))
    assert remove_broken_entry(ImportError(f"{outside}: file too short"))
    assert outside.exists() and not inside.exists()
    assert not remove_broken_entry(ImportError(f"{outside}: file too short"))
