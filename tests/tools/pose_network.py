"""A small network of 6 DoF with random weights, and maps that are right."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from random_network import save_random_weights

from epropnp_det.datasets import BOPDataset
from epropnp_det.engine.config import load_config
from epropnp_det.models.object_pose import CoordinateMaps

CONFIG = "epropnp_6dof/epropnp-6dof-v2_r18_small_synthetic.py"
CELLS = 16

TINY = {
    "model.backbone.base_channels": 8,
    "model.coordinate_head.in_channels": 64,
    "model.coordinate_head.channels": 8,
    "model.coordinate_head.num_stages": 2,
    "model.test_cfg.mc_samples": 32,
}


def pose_config(repo_root: Path, data_root: Path) -> Config:
    """The small config with fewer channels, and the data set of `bop_layout`."""
    cfg = load_config(str(repo_root / "configs" / CONFIG), TINY)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, batch_size=2)
        loader.dataset.update(data_root=str(data_root), split="train")
    cfg.test_evaluator.update(data_root=str(data_root), split="train")
    return cfg


def save_pose_network(cfg: Config, path: Path) -> Path:
    """Save a checkpoint of the config's network, with what a training says of its objects."""
    save_random_weights(cfg, path)
    meta = dict(dataset_meta=dict(classes=("ape", "can", "duck"), obj_ids=(1, 2, 5)))
    torch.save({**torch.load(path, weights_only=True), "meta": meta}, path)
    return path


def true_maps(root: Path, indices: list[int], scale: float = 300.0) -> CoordinateMaps:
    """Maps of items of the data set that say where their cells lie on the object, to rounding."""
    names = ("LoadImageFromFile", "LoadObjectMasks", "CropObject")
    pack = [dict(type="RenderObjectCoords", cells=CELLS), dict(type="PackObjectPose")]
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        dataset = BOPDataset(str(root), "train", pipeline=[*(dict(type=n) for n in names), *pack])
        samples = [dataset[i]["data_samples"] for i in indices]
    mask = torch.stack([sample.gt_mask for sample in samples])[:, None]
    logit = (20 * (mask - 1)).expand(-1, 2, -1, -1)
    coords = torch.stack([sample.gt_coords for sample in samples])
    return CoordinateMaps(coords, logit, torch.full((len(samples), 2), scale))
