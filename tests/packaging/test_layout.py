"""What is in the packages, what is not, and what they say of themselves."""

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

import epropnp_det

SHIPPED = "epropnp_det/.mim"


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def files(folder: Path, pattern: str) -> set[str]:
    found = (path for path in folder.rglob(pattern) if "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found if path.is_file()}


def test_wheel_holds_the_package_and_what_comes_with_it_and_nothing_else(names, repo_root):
    modules = {f"epropnp_det/{name}" for name in files(repo_root / "epropnp_det", "*.py")}
    shipped = {
        f"{SHIPPED}/{folder}/{name}"
        for folder in ("checkpoints", "configs", "tools")
        for name in files(repo_root / folder, "*")
    }
    info = f"epropnp_det-{epropnp_det.__version__}.dist-info/"
    assert {name for name in names if not name.startswith(info)} == (
        modules | shipped | {f"{SHIPPED}/model-index.yml"}
    )
    assert f"{info}licenses/LICENSE" in names


def test_source_distribution_holds_what_a_wheel_is_made_of_and_no_tests(distributions, repo_root):
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}
    wanted = ("CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "model-index.yml")
    assert {*wanted, "requirements.txt", "constraints.txt"} <= found
    folders = {name.partition("/")[0] for name in found}
    assert {"configs", "examples", "tools"} <= folders
    assert not folders & {"benchmarks", "docs", "findings", "tests", "work_dirs"}


def test_version_is_that_of_the_package(metadata, wheel):
    assert metadata["Version"] == epropnp_det.__version__
    assert epropnp_det.__version__ in wheel.name


def test_licence_python_and_author(metadata):
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Author"] == "The EPro-PnP-Det contributors"


def test_layer_asks_for_torch_alone(metadata):
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert needed == ["torch>=2.1"]


def test_extras(metadata):
    assert set(metadata.get_all("Provides-Extra")) == {
        "benchmarks",
        "demo",
        "deploy",
        "det",
        "docs",
        "export",
        "openvino",
        "pose",
        "tests",
        "truckscenes",
    }
    extras = [line for line in metadata.get_all("Requires-Dist") if "extra ==" in line]
    for name in ("demo", "docs", "benchmarks", "export", "pose", "truckscenes"):
        assert f'epropnp_det[det]; extra == "{name}"' in extras
    assert any(line.startswith("mmdet3d") and line.endswith('"det"') for line in extras)


def test_an_index_would_take_them(distributions):
    packages = map(str, distributions.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *packages],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2
