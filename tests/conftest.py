"""Fixtures shared by all tests."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

# How long an example takes says nothing on a loaded machine.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

REPO_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def torch_seed():
    """Seed torch and numpy so that a failure repeats."""
    torch.manual_seed(0)
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
