"""A tiny data set in BOP's format."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from bop_layout import box_depths, write_bop
from mmengine.registry import DefaultScope


@pytest.fixture(scope="session")
def bop_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set, to be read only."""
    return write_bop(tmp_path_factory.mktemp("bop") / "boxes")


@pytest.fixture
def own_root(bop_root: Path, tmp_path: Path) -> Path:
    """A copy of the data set that a test may change."""
    return Path(shutil.copytree(bop_root, tmp_path / "boxes"))


@pytest.fixture
def edit_json() -> Callable:
    """Replace the content of a file of JSON by what a function makes of it."""

    def edit(path: Path, change: Callable) -> None:
        content = json.loads(path.read_text())
        changed = change(content)
        path.write_text(json.dumps(content if changed is None else changed))

    return edit


@pytest.fixture(scope="session", name="box_depths")
def depths() -> Callable:
    """Depths (R,) in mm at which pixels (R, 2) show an object with some pose, inf elsewhere."""
    return box_depths


@pytest.fixture(autouse=True, scope="module")
def scope():
    """The registries of MMDetection3D, as a config's ``default_scope`` chooses them."""
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        yield
