"""An image, and every runtime."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from epropnp_det.camera_matrix import read_camera_matrix

# Where nothing can be exported there is nothing to deploy.
collect_ignore_glob = [] if find_spec("onnxscript") else ["test_*.py"]


@pytest.fixture(params=["onnxruntime", "openvino"])
def runtime(request: pytest.FixtureRequest) -> str:
    """Every runtime in turn."""
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return request.param


@pytest.fixture(scope="session")
def street(repo_root: Path) -> tuple[Path, np.ndarray]:
    """An image and its camera matrix."""
    return repo_root / "examples/street.jpg", read_camera_matrix(repo_root / "examples/street.json")
