"""Fixtures shared by all tests."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import settings

try:
    import numpy as np
except ModuleNotFoundError:  # as where the layer alone is installed
    np = None

# How long an example takes says nothing on a loaded machine.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

REPO_ROOT = Path(__file__).resolve().parents[1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were skipped: a line a reason, and not one a test."""
    reports = terminalreporter.stats.get("skipped", ())
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")


@pytest.fixture(autouse=True)
def torch_seed():
    """Seed torch and numpy so that a failure repeats."""
    torch.manual_seed(0)
    if np is not None:
        np.random.seed(0)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    return REPO_ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of reference numbers and of one real keyframe, kept beside the repository."""
    path = REPO_ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"reference data absent: {path}")
    return path


@pytest.fixture(scope="session")
def golden_dir(shared_dir: Path) -> Path:
    return shared_dir / "golden"


@pytest.fixture(scope="session")
def keyframe_root(shared_dir: Path) -> Path:
    return shared_dir / "data" / "nuscenes_keyframe"


@pytest.fixture(scope="session")
def truck_rig(repo_root: Path):
    """The rig that the config of MAN TruckScenes describes."""
    pytest.importorskip("truckscenes", reason="truckscenes-devkit is not installed")
    from epropnp_det.datasets import Rig

    return Rig.of_config(repo_root / "configs/_base_/datasets/truckscenes_mono3d.py")


@pytest.fixture(scope="session")
def truck_root(tmp_path_factory: pytest.TempPathFactory, truck_rig) -> Path:
    """A simulated dataroot in TruckScenes' format, two keyframes each to learn and to validate."""
    from epropnp_det.datasets import create_nuscenes_infos
    from epropnp_det.synthetic import Settings, generate

    root = tmp_path_factory.mktemp("truckscenes") / "data"
    settings = Settings(
        2, 2, 2, seed=1, image_size=(240, 116), version="v1.2-mini", dataset="truckscenes"
    )
    generate(settings, root)
    create_nuscenes_infos(root, "v1.2-mini", info_prefix="truckscenes", rig=truck_rig)
    return root
