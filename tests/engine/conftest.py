"""Trainings of the toy task in this process, and what pretrained weights are looked for in."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_task import TOY_CONFIG
from weight_files import cut_network, empty_cache

from epropnp_det.engine import EProPnPRunner
from epropnp_det.engine.config import load_config

_NUMBER = itertools.count()


@pytest.fixture
def toy_runner(tmp_path: Path) -> Callable[..., EProPnPRunner]:
    """A runner of the toy task with overrides, in ``tmp_path / "work"`` if they name no other."""

    def build(options: dict | None = None, resume: bool = False) -> EProPnPRunner:
        defaults = {"work_dir": str(tmp_path / "work"), "experiment_name": f"toy{next(_NUMBER)}"}
        cfg = load_config(TOY_CONFIG, {**defaults, "resume": resume, **(options or {})})
        return EProPnPRunner.from_cfg(cfg)

    return build


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of torch.hub, empty."""
    return empty_cache(tmp_path, monkeypatch)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection to anywhere."""
    cut_network(monkeypatch)


@pytest.fixture
def no_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without torchvision, whatever this one has."""
    monkeypatch.setitem(sys.modules, "torchvision", None)
