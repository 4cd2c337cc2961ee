"""A finished training of the toy task, and the tools within this process."""

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from toy_task import TOY_CONFIG


@pytest.fixture(scope="session")
def toy_training(
    run_script: Callable[..., subprocess.CompletedProcess],
    repo_root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Work folder of an undisturbed run of tools/train.py, three epochs of four steps."""
    folder = tmp_path_factory.mktemp("toy")
    done = run_script(folder, repo_root / "tools/train.py", TOY_CONFIG, "--work-dir", "work")
    assert done.returncode == 0, done.stderr
    return folder / "work"


@pytest.fixture(scope="session")
def stock_tools() -> Path:
    """Folder of the scripts that mmdet3d installs."""
    package = importlib.util.find_spec("mmdet3d").submodule_search_locations[0]
    return Path(package, ".mim", "tools")


@pytest.fixture(scope="session")
def import_tool(repo_root: Path) -> Callable[[str], ModuleType]:
    """Import a tool by its name."""

    def run(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(
            f"tool_{name}", repo_root / f"tools/{name}.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return run


@pytest.fixture
def fails(
    import_tool: Callable[[str], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> Callable[..., str]:
    """Run a tool's main in this process and return the sentence that it ends with."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *arguments: object) -> str:
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            import_tool(name).main()
        assert stop.value.code == 2
        sentences = [s for s in capsys.readouterr().err.splitlines() if s.startswith("error: ")]
        assert len(sentences) == 1
        return sentences[0]

    return run
