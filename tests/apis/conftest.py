"""A small network with random weights, and images for it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from random_network import KEEP_SOME, save_camera, save_images, save_random_weights

from epropnp_det.engine.config import load_config


@pytest.fixture(scope="session")
def small(repo_root: Path, tmp_path_factory) -> Callable[[str], tuple[Config, Path]]:
    """Function that gives the config of a name, changed to keep some boxes, and random weights."""

    def make(name: str) -> tuple[Config, Path]:
        cfg = load_config(str(repo_root / "configs/epropnp_det" / name), KEEP_SOME)
        return cfg, save_random_weights(cfg, tmp_path_factory.mktemp("weights") / "random.pth")

    return make


@pytest.fixture(scope="session")
def tiny(small) -> tuple[Config, Path]:
    return small("epropnp-det_tiny_demo.py")


@pytest.fixture(scope="session")
def camera_file(tmp_path_factory) -> Path:
    return save_camera(tmp_path_factory.mktemp("camera") / "camera.json")


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return save_images(tmp_path_factory.mktemp("images"))
