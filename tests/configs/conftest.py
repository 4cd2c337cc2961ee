"""A simulated dataset, and the published configs shrunk by overrides alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine import Config

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.engine.config import load_config
from epropnp_det.synthetic import Settings, generate

CHANNELS = 32
# A narrow network, whichever config it is of.
NARROW = {
    "model.backbone.depth": 50,
    "model.backbone.base_channels": 8,
    "model.backbone.init_cfg": None,
    "model.neck.out_channels": CHANNELS,
    "model.dense_head.in_channels": CHANNELS,
    "model.dense_head.feat_channels": CHANNELS,
    "model.dense_head.emb_channels": CHANNELS,
    "model.dense_head.centerness_channels": CHANNELS,
    "model.bbox_head.in_channels": CHANNELS,
    "model.bbox_head.channels": CHANNELS,
    "model.bbox_head.features.level_channels": [CHANNELS] * 3,
    "model.bbox_head.point_sampler.feedforward_channels": CHANNELS,
    "model.bbox_head.point_transformer.feedforward_channels": CHANNELS,
    "model.bbox_head.num_proposals": 16,
    "model.train_cfg.samples_per_img": 8,
    "model.train_cfg.mc_samples": 16,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
}
LEVEL_CHANNELS = [32, 64, 128, 256]


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two keyframes each to train and to validate on, whose objects have velocities; info files."""
    root = tmp_path_factory.mktemp("demo") / "data"
    generate(Settings(2, 2, 2, seed=1, image_size=(192, 112)), root)
    create_nuscenes_infos(root, "v1.0-mini")
    return root


@pytest.fixture(scope="session")
def narrow() -> dict:
    """Overrides that make a network with the neck of v2 small."""
    return {**NARROW, "model.neck.in_channels": LEVEL_CHANNELS[-3:]}


@pytest.fixture
def shrunk(repo_root: Path, demo_root: Path) -> Callable[[str], Config]:
    """Function that reads a published config with overrides as --cfg-options makes them."""

    def load(name: str) -> Config:
        path = str(repo_root / "configs" / "epropnp_det" / name)
        plain = load_config(path)
        levels = len(plain.model.neck.in_channels)
        options = {**NARROW, "model.neck.in_channels": LEVEL_CHANNELS[-levels:]}
        keys = ["val_dataloader.dataset", "test_dataloader.dataset"]
        datasets = plain.train_dataloader.dataset.get("datasets")
        keys += (
            [f"train_dataloader.dataset.datasets.{i}" for i in range(len(datasets))]
            if datasets
            else ["train_dataloader.dataset"]
        )
        for key in keys:
            if plain[key.split(".")[0]] is None:
                continue
            options[f"{key}.data_root"] = str(demo_root)
            crop = 2 if key.startswith("train") else 1
            options[f"{key}.pipeline.{crop}.rows"] = 28
        return load_config(path, options)

    return load
