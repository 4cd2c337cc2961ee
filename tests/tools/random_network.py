"""What inference needs, made on the spot: random weights, two images and their camera."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

# Random weights give no class a chance: keep the best all the same.
KEEP_SOME = {"model.test_cfg.score_thr": 0.0, "model.test_cfg.max_per_img": 4}

WIDTH, HEIGHT = 400, 224
CAM2IMG = np.array([[320.0, 0, 204], [0, 320, 122], [0, 0, 1]])


def save_random_weights(cfg: Config, path: Path) -> Path:
    """Save a checkpoint of a config's network, the same one each time."""
    init_default_scope("mmdet3d")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MODELS.build(cfg.model)
        model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def save_images(folder: Path) -> Path:
    """Fill a folder with two images, a.jpg and b.png, and a file that is none."""
    random = np.random.default_rng(0)
    for name in ("a.jpg", "b.png"):
        blocks = random.integers(0, 255, (HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), cv2.resize(blocks, (WIDTH, HEIGHT)))
    (folder / "notes.txt").write_text("not an image")
    return folder


def save_camera(path: Path) -> Path:
    """Write the camera matrix of those images as JSON."""
    path.write_text(json.dumps({"cam2img": CAM2IMG.tolist()}))
    return path
