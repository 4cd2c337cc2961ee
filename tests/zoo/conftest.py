"""Names and shapes of the published models."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

# Models whose names and shapes are those of another.
KEYS = dict(coord_regr_trainval="coord_regr", no_reproj="basic", v2_trainval="v2")


@pytest.fixture
def published_shapes(golden_dir: Path) -> Callable[[str], dict[str, list[int]]]:
    """Published name -> shape of each parameter and buffer of a model."""

    def read(model: str) -> dict[str, list[int]]:
        path = golden_dir / f"published_{KEYS.get(model, model)}_keys.json"
        shapes = json.loads(path.read_text())
        if model == "no_reproj":
            del shapes["bbox_head.loss_proj.mean_inv_std"]
        return shapes

    return read
