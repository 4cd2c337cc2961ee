"""The pages build without a warning: every reference and link within them resolves."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import epropnp_det.pnp
from epropnp_det.models import __all__ as COMPONENTS

NEEDED = ("sphinx", "myst_parser", "furo")
ABSENT = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(ABSENT), reason=f"{', '.join(ABSENT)} not installed: pip install -e .[docs]"
)


@pytest.fixture(scope="module")
def pages(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, str(repo_root / "docs"), str(out)], capture_output=True, text=True, cwd=repo_root
    )
    assert done.returncode == 0, done.stderr
    return out


def test_docs_build_without_warnings(pages):
    assert {path.stem for path in pages.glob("*.html")} >= {"index", "nuscenes", "api"}


def test_reference_has_every_component_and_public_name_of_the_layer(pages):
    configuration = (pages / "configuration.html").read_text()
    assert not [name for name in COMPONENTS if f'.{name}">' not in configuration]
    api = (pages / "api.html").read_text()
    assert not [
        name for name in epropnp_det.pnp.__all__ if f'id="epropnp_det.pnp.{name}"' not in api
    ]
