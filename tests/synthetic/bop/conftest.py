import json

import cv2
import numpy as np
import pytest

from epropnp_det.synthetic.bop import Settings, generate

BOP_SETTINGS = Settings(1, 1, 2, seed=5, image_size=(160, 120))


@pytest.fixture(scope="session")
def bop_settings():
    return BOP_SETTINGS


@pytest.fixture(scope="session")
def bop_root(tmp_path_factory):
    """A scene to train and one to test of two images each; read-only."""
    root = tmp_path_factory.mktemp("synthetic_bop") / "data"
    assert generate(BOP_SETTINGS, root)
    return root


@pytest.fixture(scope="session")
def instances(bop_root):
    """Every annotated object: image files and records of it, read as any user would."""
    found = []
    for scene in sorted(bop_root.glob("t*/0*")):
        truth, info, cameras = (
            json.loads((scene / f"scene_{name}.json").read_text())
            for name in ("gt", "gt_info", "camera")
        )
        for image, records in truth.items():
            scale = cameras[image]["depth_scale"]
            depth = cv2.imread(f"{scene}/depth/{int(image):06d}.png", cv2.IMREAD_UNCHANGED) * scale
            for i, record in enumerate(records):
                mask, visible = (
                    cv2.imread(f"{scene}/{kind}/{int(image):06d}_{i:06d}.png", cv2.IMREAD_UNCHANGED)
                    for kind in ("mask", "mask_visib")
                )
                found.append(
                    {
                        "obj_id": record["obj_id"],
                        "rotation": np.reshape(record["cam_R_m2c"], (3, 3)),
                        "translation": np.array(record["cam_t_m2c"]),
                        "matrix": np.reshape(cameras[image]["cam_K"], (3, 3)),
                        "info": info[image][i],
                        "depth": depth,
                        "mask": mask,
                        "visible": visible,
                    }
                )
    return found
