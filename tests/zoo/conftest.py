"""Names and shapes of the published models."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from epropnp_det.zoo.object_pose_models import POSE_MODELS

# Models whose names and shapes are those of another.
KEYS = dict(coord_regr_trainval="coord_regr", no_reproj="basic", v2_trainval="v2")
KEYS |= {model.name: "6dof" for model in POSE_MODELS}


@pytest.fixture
def published_shapes(golden_dir: Path) -> Callable[[str], dict[str, list[int]]]:
    """Published name -> shape of each parameter and buffer of a model."""

    def read(model: str) -> dict[str, list[int]]:
        path = golden_dir / f"published_{KEYS.get(model, model)}_keys.json"
        shapes = json.loads(path.read_text())
        if model == "no_reproj":
            del shapes["bbox_head.loss_proj.mean_inv_std"]
        if model == "cdpn_stage_1":  # whose last layer follows the others, and gives a mask
            shapes = {
                name: shape
                for name, shape in shapes.items()
                if name.startswith(("backbone.", "rot_head_net.features."))
            }
            shapes["rot_head_net.features.27.weight"] = [4, 256, 1, 1]
            shapes["rot_head_net.features.27.bias"] = [4]
        return shapes

    return read
