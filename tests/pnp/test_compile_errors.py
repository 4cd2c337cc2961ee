"""What is said before compiling, and what happens where it fails."""

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
from torch._inductor.exc import CppCompileError, InductorError, TritonMissing

from epropnp_det.pnp import LMSolver, backend
from epropnp_det.pnp.backend import _Compiled
from epropnp_det.pnp.compile_errors import (
    cause_and_mend,
    prepare_to_compile,
    remove_broken_entries,
)

REPO = Path(__file__).resolve().parents[2]
needs_compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="there is no C++ compiler"
)

SCRIPT = """
import torch
from epropnp_det.pnp.backend import _Compiled

def smallest(x):
    return (x * 2).sin().sum(-1)

x = torch.arange(12.0).reshape(3, 4)
run = _Compiled(smallest)
for _ in range(2):
    assert torch.allclose(run(x), smallest(x))
print("uncompiled" if run._run is smallest else "compiled")
"""


def run(folder: Path, **variables: str) -> tuple[str, str]:
    """How the smallest of functions was run by a process of its own, and what it said."""
    variables |= {"TORCHINDUCTOR_CACHE_DIR": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | variables,
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


@pytest.fixture
def fresh_process(monkeypatch, tmp_path):
    """As far as saying that compiling begins, and its cache, are concerned."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(backend, "prepare_to_compile", cache(prepare_to_compile.__wrapped__))


def test_one_line_before_the_first_function(fresh_process, monkeypatch, capsys, tmp_path):
    said_before = []

    def compiled(function, **_):
        said_before.append(capsys.readouterr().err)
        return function

    monkeypatch.setattr(torch, "compile", compiled)
    for function in (_Compiled(torch.sin), _Compiled(torch.cos)):
        for _ in range(2):
            function(torch.ones(1))
    first, second = said_before
    (line,) = first.splitlines()
    assert line.startswith("epropnp_det.pnp: compiling") and str(tmp_path) in line
    assert second == capsys.readouterr().err == ""


def test_nothing_is_said_where_nothing_is_compiled(make_problem, fresh_process, capsys):
    LMSolver(compile=False)(*make_problem())
    assert capsys.readouterr().err == ""


@needs_compiler
def test_broken_entries_are_made_anew(tmp_path):
    """To load half a library would be a bus error."""
    assert run(tmp_path)[0] == "compiled"
    code = {
        path: path.stat().st_size
        for ending in ("so", "py")
        for path in tmp_path.glob(f"??/*.{ending}")
    }
    assert {path.suffix for path in code} == {".py", ".so"}
    for path in code:
        content = path.read_bytes()
        path.write_bytes(content[:4096] if path.suffix == ".so" else content[:500].rstrip())
    how, said = run(tmp_path)
    assert how == "compiled" and "uncompiled" not in said
    assert code == {path: path.stat().st_size for path in code}


def test_only_broken_files_of_code_are_removed(tmp_path):
    library = Path(torch._C.__file__).read_bytes()
    broken = {
        "empty.so": b"",
        "header.so": library[:40],
        "half.main.so": library[: len(library) // 2],
        "blank.main.so": bytes(200),
        "empty.py": b"",
        "half.py": b"call = 1\ndef cal",
        "blank.py": bytes(200),
    }
    whole = {
        "whole.main.so": library,
        "of_another_system.so": b"\xcf\xfa\xed\xfe",
        "whole.py": b"call = 1\n",
        "empty.cpp": b"",
    }
    (tmp_path / "ab").mkdir()
    for name, content in (broken | whole).items():
        (tmp_path / "ab" / name).write_bytes(content)
    elsewhere = [tmp_path / "gcc" / "lib" / "empty.py", tmp_path / "empty.py"]
    for path in elsewhere:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    remove_broken_entries(tmp_path)
    assert {path.name for path in (tmp_path / "ab").iterdir()} == whole.keys()
    assert all(path.exists() for path in elsewhere)


def test_what_another_process_is_writing_stays(tmp_path):
    entry, lock = tmp_path / "ab" / "key.main.so", tmp_path / "locks" / "key.lock"
    for path in (entry, lock):
        path.parent.mkdir()
        path.touch()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_broken_entries(tmp_path)
        assert entry.exists()
    remove_broken_entries(tmp_path)
    assert not entry.exists()


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    how, said = run(tmp_path / "file" / "cache")
    assert how == "uncompiled"
    assert "NotADirectoryError" in said and "in TORCHINDUCTOR_CACHE_DIR" in said
    assert "C++" not in said


def test_without_compiler(tmp_path):
    how, said = run(tmp_path, CXX=str(tmp_path / "none"))
    assert how == "uncompiled" and "install a C++ compiler" in said


@needs_compiler
def test_compiler_that_fails(tmp_path):
    """What it says is passed on, and nobody told to install it."""
    compiler = tmp_path / "c++"
    real = shutil.which(os.environ.get("CXX", "g++"))
    compiler.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {real} --version\n'
        'echo "In file included from x.cpp:" >&2\n'
        'echo "x.cpp:1: fatal error: Python.h: No such file or directory" >&2\nexit 1\n'
    )
    compiler.chmod(0o755)
    how, said = run(tmp_path / "cache", CXX=str(compiler))
    assert how == "uncompiled"
    assert "x.cpp:1: fatal error: Python.h: No such file or directory): pass compile" in said


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space .*: make room"),
        (
            CppCompileError(["c++"], "a:\nld: No space left on device\nld: error"),
            "No .*: make room",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/f"),
            "/f.* in TORCHINDUCTOR_CACHE_DIR",
        ),
        (
            ImportError("/f/x.so: undefined symbol: g\nmore"),
            "symbol: g.: delete the folder {folder},",
        ),
        (RuntimeError("Failed to find C compiler."), "install a C"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory.: pass compile=False"),
        (ValueError(), "ValueError: .: pass compile=False"),
    ],
)
def test_cause_and_mend(fresh_process, tmp_path, cause, expected):
    said = cause_and_mend(InductorError(cause, None))
    assert re.search(expected.format(folder=tmp_path), said)


def test_missing_triton():
    assert "on a GPU Triton" in cause_and_mend(TritonMissing(None))


def test_wrong_arguments_raise_what_they_do_uncompiled():
    product = _Compiled(lambda a, b: a @ b)
    wrong = torch.ones(2, 3), torch.ones(2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with pytest.raises(RuntimeError, match="cannot be multiplied") as error:
            product(*wrong)
    assert type(error.value) is RuntimeError and error.value.__context__ is None
