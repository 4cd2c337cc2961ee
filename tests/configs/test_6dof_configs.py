"""The configs of 6 DoF pose: the published design, and a small one that learns and predicts."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS, TRANSFORMS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from epropnp_det.engine.config import load_config
from epropnp_det.synthetic.bop import Settings, generate
from epropnp_det.zoo.object_pose_models import LINEMOD_CLASSES

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "epropnp_6dof"
NAME = "epropnp-6dof-{}_r34_1xb32-{}e_lm.py"
SMALL = "epropnp-6dof-v2_r18_small_synthetic.py"

V1 = dict(weighting="v1", pose=0.02, reg=0.1, coords=1.0, epochs=160, stage1=False)
V2 = dict(weighting="v2", pose=0.2, reg=1.0, coords=1.0, epochs=160, stage1=True)
PUBLISHED = {
    NAME.format("basic", 160): dict(V1, reg=None),
    NAME.format("reg-loss", 160): V1,
    NAME.format("cdpn-init", 160): dict(V1, stage1=True),
    NAME.format("cdpn-init-long", 320): dict(V1, stage1=True, epochs=320),
    NAME.format("v2-no-model", 160): dict(V2, coords=None, stage1=False),
    NAME.format("v2-cdpn-init", 160): V2,
}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope("mmdet3d")


@pytest.fixture
def backgrounds(tmp_path, monkeypatch) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 9, 3), np.uint8))
    monkeypatch.setenv("BACKGROUND_ROOT", str(tmp_path))


def test_every_config_is_looked_at():
    assert {path.name for path in FOLDER.glob("*.py")} == {*PUBLISHED, SMALL}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_design(name, backgrounds):
    cfg, design = load_config(str(FOLDER / name)), PUBLISHED[name]
    head, epochs = cfg.model.pose_head, design["epochs"]
    assert head.weighting == design["weighting"]
    weights = [
        head[f"loss_{name}"] and head[f"loss_{name}"]["loss_weight"]
        for name in ("pose", "reg_pos", "reg_orient", "coords")
    ]
    assert weights == [design["pose"], design["reg"], design["reg"], design["coords"]]
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].end == epochs
    assert cfg.param_scheduler[0].milestones == [epochs * x // 160 for x in (50, 100, 150)]
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 32
    assert (cfg.model.get("init_cfg") is not None) == design["stage1"]
    assert (cfg.model.backbone.init_cfg is None) == design["stage1"]
    model = MODELS.build(cfg.model)
    assert model.pose_head.num_points == model.pose_head.pnp.mc_samples == 512
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    assert isinstance(optimizer, torch.optim.RMSprop) and optimizer.defaults["alpha"] == 0.99
    for dataset in cfg.train_dataloader.dataset.datasets:
        steps = [TRANSFORMS.build(step) and step.type for step in dataset.pipeline]
        assert ("RenderObjectCoords" in steps) == (design["coords"] is not None)
        assert dataset.metainfo.classes == LINEMOD_CLASSES and len(dataset.objects) == 13
    held_out = cfg.test_dataloader.dataset.exclude_images
    assert held_out == cfg.train_dataloader.dataset.datasets[0].images
    assert cfg.test_evaluator.exclude_images == held_out
    names = dict(zip(dataset.objects, LINEMOD_CLASSES, strict=True))
    assert [names[number] for number in cfg.test_evaluator.symmetric] == ["eggbox", "glue"]


@pytest.fixture(scope="module")
def data_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("bop") / "data"
    generate(Settings(1, 1, 1, image_size=(120, 90)), root)
    return root


def test_small_config_learns_and_predicts(data_root, monkeypatch):
    monkeypatch.setenv("SYNTHETIC_BOP_ROOT", str(data_root))
    options = {
        "train_dataloader.batch_size": 4,
        "train_dataloader.num_workers": 0,
        "test_dataloader.batch_size": 2,
        "test_dataloader.num_workers": 0,
        "model.train_cfg.mc_samples": 16,
    }
    cfg = load_config(str(FOLDER / SMALL), options)
    model = MODELS.build(cfg.model)
    model.init_weights()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.persistent_workers = False
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader, seed=0)))
    logged = model.train_step(batch, optimizer)
    assert logged.keys() == {
        "loss",
        *(f"loss_{name}" for name in ("pose", "reg_pos", "reg_orient", "coords")),
    }
    assert all(math.isfinite(value) for value in logged.values())
    batch = next(iter(Runner.build_dataloader(cfg.test_dataloader, seed=0)))
    for sample in model.eval().test_step(batch):
        assert sample.pred_pose.shape == (7,) and sample.pred_pose.isfinite().all()
        assert sample.img_shape == (128, 128) and "gt_coords" not in sample
