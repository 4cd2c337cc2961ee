"""tools/install.py: where it installs, what it refuses, and when there is nothing to do."""

import importlib.util
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


def refusal(function, *arguments) -> str:
    with pytest.raises(SystemExit) as stop:
        function(*arguments)
    sentence = stop.value.code
    assert sentence.startswith("error: ") and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("version", [(3, 10), (3, 12)])
def test_other_python_is_refused(install, version):
    assert "Python 3.11 is needed" in refusal(install.check_version, version, "python")
    install.check_version((3, 11), "python")


def test_missing_compiler_is_named(install, monkeypatch, tmp_path):
    (tmp_path / "Python.h").touch()
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    assert "no C++ compiler" in refusal(install.check_compiler, tmp_path)
    compiler = tmp_path / "clang++"
    compiler.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install.check_compiler(tmp_path) == {"CXX": "clang++"}
    (tmp_path / "Python.h").unlink()
    assert "python3.11-dev" in refusal(install.check_compiler, tmp_path)


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


@pytest.mark.parametrize(("own", "flags"), [(None, "-g0"), ("-O1", "-O1 -g0")])
def test_mmcv_is_compiled_without_debug_information(install, monkeypatch, tmp_path, own, flags):
    builds = []
    monkeypatch.setattr(install, "wants_cuda", lambda python: False)
    monkeypatch.setattr(install, "operators_work", lambda python, cuda: bool(builds))
    monkeypatch.setattr(install, "check_compiler", lambda include: {"CXX": "g++"})
    monkeypatch.setattr(install, "pip", lambda *words, **variables: builds.append(variables))
    if own is None:
        monkeypatch.delenv("CFLAGS", raising=False)
    else:
        monkeypatch.setenv("CFLAGS", own)
    install.build_mmcv("python", tmp_path)
    (variables,) = builds
    assert variables["CFLAGS"] == flags and variables["FORCE_CUDA"] == "0"
