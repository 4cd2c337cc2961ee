"""`python -m epropnp_det` and the names of what comes with the package, in a clone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from epropnp_det import __main__ as command
from epropnp_det.command_line import check_file
from epropnp_det.engine.config import load_config
from epropnp_det.errors import UserError
from epropnp_det.shipped import config_path, shipped_tools

DEMO = "epropnp_det/epropnp-det_tiny_demo.py"


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command on some words in this process; return its status and what it prints."""

    def call(*words: str) -> tuple[int | None, str, str]:
        monkeypatch.setattr("sys.argv", ["epropnp-det", *words])
        try:
            command.main()
            status = None
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_tools_are_listed_with_what_they_do(run, words):
    status, out, _ = run(*words)
    assert status is None
    lines = out.splitlines()
    assert lines[0].startswith("usage: python -m epropnp_det TOOL")
    assert dict(line.split(maxsplit=1) for line in lines[2:]) == {
        name: command.first_line(path) for name, path in shipped_tools().items()
    }
    assert "Train a model." in out


def test_misspelt_tool(run):
    status, out, err = run("trian", "config.py")
    assert (status, out) == (2, "")
    assert err == (
        "error: there is no tool 'trian' (did you mean 'train'?): "
        "`python -m epropnp_det` lists them.\n"
    )


def test_tool_gets_its_arguments_and_its_status_is_passed_on(run):
    status, _, err = run("train", "absent.py")
    assert status == 2
    assert err == "error: the config absent.py does not exist: correct the path.\n"


def test_what_is_missing_in_a_clone_is_installed_by_make(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.delitem(sys.modules, "epropnp_det.zoo.download", raising=False)
    monkeypatch.delitem(sys.modules, "epropnp_det.zoo.backbones", raising=False)
    status, _, err = run("download_checkpoint", "v2")
    assert status == 2
    assert err == (
        "error: download_checkpoint needs tqdm, which is not installed: run `make env`.\n"
    )


def test_part_that_an_installed_package_lacks_is_a_defect(run, monkeypatch, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text('"""Broken."""\nimport torch.no_such_part\n')
    monkeypatch.setattr(command, "shipped_tools", lambda: {"broken": broken})
    with pytest.raises(ModuleNotFoundError, match="no_such_part"):
        run("broken")


def test_command_runs_as_a_module(repo_root, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "epropnp_det", "train", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(repo_root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "--auto-scale-lr" in done.stdout


def test_config_that_comes_along(repo_root):
    assert config_path(f"epropnp_det::{DEMO}") == repo_root / "configs" / DEMO
    assert config_path("mine.py") == Path("mine.py")
    check_file(f"epropnp_det::{DEMO}", "config")
    assert load_config(f"epropnp_det::{DEMO}").model.type == "EProPnPDet"


def test_no_such_config_comes_along():
    with pytest.raises(UserError, match=f"did you mean '{DEMO}'"):
        config_path("epropnp_det::epropnp_det/epropnp-det_tiny_dmo.py")
    with pytest.raises(UserError, match="they are .*tiny_demo.py, "):
        check_file("epropnp_det::_base_/default_runtime.py", "config")


@pytest.mark.parametrize(
    "place", ["docs/getting_started.md", "epropnp_det/__main__.py", "tools/install.py"]
)
def test_what_mmcv_is_built_by_is_in_the_ranges_that_were_tried(place, repo_root):
    lines = (repo_root / "requirements.txt").read_text().splitlines()
    asked = [Requirement(line) for line in lines if line and not line.startswith("#")]
    tried = {requirement.name: set(requirement.specifier) for requirement in asked}
    text = (repo_root / place).read_text()
    (words,) = re.findall(r"pip install ('torch.*'setuptools\S*')", text)
    named = [Requirement(word.strip("'")) for word in words.split()]
    assert [requirement.name for requirement in named] == ["torch", "setuptools"]
    for requirement in named:
        assert set(requirement.specifier) <= tried[requirement.name]
        assert any(clause.operator == "<" for clause in requirement.specifier)
