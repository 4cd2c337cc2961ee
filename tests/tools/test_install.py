"""tools/install.py: where it installs, what it refuses, and when there is nothing to do."""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def install(repo_root) -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", repo_root / "tools/install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, None),
        ({"VIRTUAL_ENV": "/env"}, "/env"),
        ({"CONDA_PREFIX": "/conda", "CONDA_DEFAULT_ENV": "detection"}, "/conda"),
        ({"CONDA_PREFIX": "/conda", "CONDA_DEFAULT_ENV": "base"}, None),
    ],
)
def test_active_environment_is_respected(install, repo_root, monkeypatch, variables, folder):
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert install.environment_folder() == (Path(folder) if folder else repo_root / ".venv")


@pytest.fixture
def refusal(capfd):
    """The sentence with which a call ends, and all that it and its commands print."""

    def call(function, *arguments) -> str:
        with pytest.raises(SystemExit) as stop:
            function(*arguments)
        assert stop.value.code == 2
        printed = capfd.readouterr()
        assert printed.out == ""
        (sentence,) = printed.err.splitlines()
        assert sentence.startswith("error: ")
        return sentence

    return call


@pytest.mark.parametrize("version", [(3, 10), (3, 12)])
def test_other_python_is_refused(install, refusal, version):
    sentence = refusal(install.check_version, version, "python")
    assert "Python 3.11 is needed" in sentence and "make PYTHON=python3.11" in sentence
    install.check_version((3, 11), "python")


def test_without_a_clone_there_is_nothing_to_make(install, refusal, monkeypatch, tmp_path):
    monkeypatch.setattr(install, "REQUIREMENTS", tmp_path / "requirements.txt")
    assert "'epropnp_det[det]'" in refusal(install.install, tmp_path)


def test_missing_compiler_is_named(install, refusal, monkeypatch, tmp_path):
    (tmp_path / "Python.h").touch()
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    assert "no C++ compiler" in refusal(install.check_compiler, tmp_path)
    compiler = tmp_path / "clang++"
    compiler.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install.check_compiler(tmp_path) == {"CXX": "clang++"}


def test_missing_headers_are_named(install, refusal, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", sys.executable)
    assert "python3.11-dev" in refusal(install.check_compiler, tmp_path)


@pytest.mark.parametrize("state", ["dangling", "foreign", "broken"])
def test_python_of_another_machine_does_not_run(install, refusal, tmp_path, state):
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    if state == "dangling":
        python.symlink_to(tmp_path / "gone")
    else:
        python.write_bytes(b"\x7fELF\x00" if state == "foreign" else b"#!/bin/sh\nexit 1\n")
        python.chmod(0o755)
    sentence = refusal(install.make_environment, tmp_path)
    assert f"{python} does not run" in sentence and f"remove {tmp_path}" in sentence


VERSIONS = {"torch": None, "mmcv": None, "mmdet3d": None}


@pytest.mark.parametrize(
    ("missing", "needed"), [(VERSIONS, "4.2"), ({**VERSIONS, "torch": "2.13.0"}, "3.2")]
)
def test_full_disk_is_told_beforehand(install, refusal, monkeypatch, tmp_path, missing, needed):
    usage = install.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(install.shutil, "disk_usage", lambda _: usage._replace(free=3.1e9))
    sentence = refusal(install.check_disk, tmp_path, missing)
    assert f"needs {needed} GB more, and its disk has 3.1 GB left" in sentence
    monkeypatch.setattr(install.shutil, "disk_usage", lambda _: usage._replace(free=4.3e9))
    install.check_disk(tmp_path, missing)


def test_pytorch_of_somebody_else_is_not_replaced(install, refusal, tmp_path):
    sentence = refusal(install.check_torch, tmp_path, {"torch": "2.1.2+cu118"})
    assert "has torch 2.1.2+cu118" in sentence and "pip uninstall torch" in sentence
    wanted = install.lines_of(install.CONSTRAINTS)[0].split("==")[1]
    for accepted in (None, wanted, f"{wanted}+cpu"):
        install.check_torch(tmp_path, {"torch": accepted})
    # Of an earlier state of the clone.
    (tmp_path / install.STAMP).touch()
    install.check_torch(tmp_path, {"torch": "2.1.2"})


@pytest.fixture
def no_index(monkeypatch, tmp_path):
    """Settings of pip with an empty folder as the only place to install from."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))


def test_unreachable_index_is_told_beforehand(install, refusal, no_index, tmp_path):
    log = tmp_path / "log"
    sentence = refusal(install.check_index, sys.executable, log)
    assert "check the network" in sentence and str(log) in sentence
    assert "No matching distribution found for wheel" in log.read_text()


def test_a_step_that_fails_is_told_in_a_line_and_by_its_log(install, refusal, no_index, tmp_path):
    log = tmp_path / "log"
    sentence = refusal(install.pip, sys.executable, log, "no-such-package")
    assert "`pip install no-such-package` failed" in sentence and str(log) in sentence
    assert "ERROR: No matching distribution found for no-such-package" in log.read_text()


def test_checks_come_before_any_download(install, refusal, monkeypatch, tmp_path):
    """All that can be known at once, on a machine that has nothing of it."""
    called = []
    site = tmp_path / "site"
    monkeypatch.setattr(install, "make_environment", lambda _: ("python", [str(site)], tmp_path))
    monkeypatch.setattr(install, "run_pip", lambda *words, **_: called.append(words) or 1)
    monkeypatch.setattr(install, "query", lambda *_: 0)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "no C++ compiler was found (no-such-compiler)" in refusal(install.install, tmp_path)
    assert not called
    monkeypatch.setenv("CXX", sys.executable)
    (tmp_path / "Python.h").touch()
    assert "reaches no index" in refusal(install.install, tmp_path)
    assert len(called) == 1


def test_what_comes_is_said_before_it_starts(install, monkeypatch, tmp_path, capsys):
    site = tmp_path / "site"
    monkeypatch.setattr(install, "make_environment", lambda _: ("python", [str(site)], tmp_path))
    monkeypatch.setattr(install, "run_pip", lambda *words, **_: 0)
    monkeypatch.setattr(install, "query", lambda *_: 0)
    monkeypatch.setattr(install, "check_compiler", lambda _: {})
    monkeypatch.setattr(install, "build_mmcv", lambda *_: None)
    install.install(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("[env] ") for line in lines[:3]] == list(install.PLAN)
    assert len(lines) < 12


def test_command_in_a_clone_only_says_where(repo_root, tmp_path):
    done = subprocess.run(
        [sys.executable, str(repo_root / "tools/install.py"), "--where"],
        cwd=tmp_path,
        env={"VIRTUAL_ENV": "/env"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "/env\n"


def test_environment_is_complete_only_in_the_state_that_was_recorded(install, tmp_path):
    stamp = tmp_path / "stamp.json"
    state = {"sources": "a", "versions": {"torch": "2.13.0"}}
    assert not install.is_complete(stamp, state)
    stamp.write_text('{"sources": "a", "vers')
    assert not install.is_complete(stamp, state)
    stamp.write_text(install.json.dumps(state))
    assert install.is_complete(stamp, state)
    assert not install.is_complete(stamp, {**state, "sources": "b"})
    missing = {**state, "versions": {"torch": None}}
    stamp.write_text(install.json.dumps(missing))
    assert not install.is_complete(stamp, missing)


def test_state_lists_every_requirement(install, tmp_path):
    site = tmp_path / "torch-2.13.0+cpu.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.13.0+cpu\n")
    versions = install.state([str(tmp_path)])["versions"]
    assert versions["torch"] == "2.13.0+cpu"
    assert versions["mmcv"] is None
    assert {"mmengine", "mmdet", "mmdet3d", "nuscenes-devkit", "epropnp_det"} <= versions.keys()


@pytest.fixture
def builds(install, monkeypatch) -> list[dict[str, str]]:
    """Environments in which mmcv was compiled; it works at the second time."""
    builds = []
    monkeypatch.setattr(install, "wants_cuda", lambda python: False)
    monkeypatch.setattr(install, "operators_work", lambda python, cuda: len(builds) == 2)
    monkeypatch.setattr(install, "check_compiler", lambda include: {"CXX": "g++"})
    monkeypatch.setattr(install, "pip", lambda *words, **variables: builds.append(variables))
    return builds


@pytest.mark.parametrize("own", [None, "-O1"])
def test_mmcv_is_compiled_with_optimisation_and_without_debug_information(
    install, builds, monkeypatch, tmp_path, own
):
    """Setuptools reads CFLAGS in place of Python's flags, and of several the last one counts."""
    monkeypatch.setattr(install, "is_kept", lambda python, name: True)
    monkeypatch.setattr(install, "precompiled", lambda *arguments: ["-include", "begin.h"])
    if own is None:
        monkeypatch.delenv("CFLAGS", raising=False)
    else:
        monkeypatch.setenv("CFLAGS", own)
    install.build_mmcv(sys.executable, tmp_path, tmp_path / "log")
    kept, compiled = builds
    flags = " ".join(filter(None, [sysconfig.get_config_var("CFLAGS"), own, "-g0"]))
    assert "-O" in flags
    assert kept["CFLAGS"] == flags and compiled["CFLAGS"] == f"{flags} -include begin.h"
    assert kept["FORCE_CUDA"] == compiled["FORCE_CUDA"] == "0"


def test_headers_are_read_beforehand_for_what_is_compiled(install, builds, monkeypatch, tmp_path):
    monkeypatch.setattr(install, "is_kept", lambda python, name: False)
    folders = []

    def precompiled(python, folder, compiler, flags, log):
        assert folder.is_dir() and flags.endswith("-g0")
        folders.append(folder)
        return []

    monkeypatch.setattr(install, "precompiled", precompiled)
    install.build_mmcv("python", tmp_path, tmp_path / "log")
    assert len(folders) == 2 and not any(folder.exists() for folder in folders)


COMPILER = """#!/bin/sh
echo "$@" > {log}
for word in "$@"; do last=$word; done
touch "$last"
exit {status}
"""


@pytest.mark.parametrize("status", [0, 1])
def test_precompiled_headers(install, tmp_path, status):
    """With the flags of Python and of PyTorch's extensions, and where a compiler is able to."""
    compiler, log = tmp_path / "c++", tmp_path / "words"
    compiler.write_text(COMPILER.format(log=log, status=status))
    compiler.chmod(0o755)
    said = tmp_path / "log"
    flags = install.precompiled(sys.executable, tmp_path, str(compiler), "-O1 -g0", said)
    header = tmp_path / "begin.h"
    assert flags == ([] if status else ["-include", str(header)])
    words = log.read_text().split()
    assert words[-3:] == [str(header), "-o", f"{header}.gch"]
    assert {"-fPIC", "-O1", "-g0", "-std=c++17"} < set(words)
    begun = header.read_text().split("<")[1].strip(">\n")
    assert any(Path(word, begun).is_file() for word in words)


def test_folder_with_a_space_is_no_flag(install, tmp_path):
    folder = tmp_path / "two words"
    assert install.precompiled(sys.executable, folder, "c++", "-g0", tmp_path / "log") == []
