"""A source distribution and a wheel, built once from a copy of the repository."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

# Made by tools and tests, and as large as they like.
NOT_COPIED = shutil.ignore_patterns(".*", "build", "data", "dist", "work_dirs", "*.egg-info")

# What must not get into a package, wherever it lies.
STRAY = ("work_dirs/left.py", "tools/__pycache__/left.pyc", "configs/__pycache__/left.pyc")


@pytest.fixture(scope="session")
def distributions(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what `python -m build` makes; the wheel is made from the source distribution."""
    folder = tmp_path_factory.mktemp("packaging")
    copy, built = folder / "repository", folder / "dist"
    shutil.copytree(repo_root, copy, ignore=NOT_COPIED)
    for name in STRAY:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).touch()
    # Without a network: by the build tools of this environment.
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built)],
        cwd=copy,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return built


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    (path,) = distributions.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which pip has installed the wheel, without what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    alone = ("--no-deps", "--no-index", "--quiet", "--target")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *alone, str(folder), str(wheel)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def python(
    installed: Path,
    tmp_path: Path,
    run_imports: Callable[..., CompletedProcess],
    run_fresh: Callable[..., CompletedProcess],
) -> Callable[..., CompletedProcess]:
    """Run Python with the installed wheel, in an empty folder, away from any clone."""

    def run(*arguments: object, absent: tuple[str, ...] = ()) -> CompletedProcess:
        desk = tmp_path / "desk"
        desk.mkdir(exist_ok=True)
        if not absent:
            return run_imports(desk, *arguments, PYTHONPATH=str(installed))
        (tmp_path / "absent").mkdir()
        lines = ["import sys", *(f"sys.modules[{name!r}] = None" for name in absent)]
        (tmp_path / "absent/sitecustomize.py").write_text("\n".join(lines))
        path = os.pathsep.join([str(installed), str(tmp_path / "absent")])
        return run_fresh(desk, *arguments, PYTHONPATH=path)

    return run
