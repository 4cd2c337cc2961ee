"""Data sets of different origin, trained on together."""

import pickle
import shutil

import pytest
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope

from epropnp_det.engine import EProPnPRunner
from epropnp_det.engine.config_checks import check_classes
from epropnp_det.errors import UserError

V2 = "epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"


@pytest.fixture
def mixed(shrunk, demo_root, tmp_path):
    """A loader of one data set twice, the second time as one of another version and table."""
    content = pickle.loads((demo_root / "nuscenes_infos_train.pkl").read_bytes())
    content["metainfo"].update(version="v1.0-trainval", categories={"yard.forklift": 0}, extra=1)
    shutil.copytree(demo_root, tmp_path / "other")
    (tmp_path / "other/nuscenes_infos_train.pkl").write_bytes(pickle.dumps(content))
    cfg = shrunk(V2)
    init_default_scope(cfg.default_scope)
    first = cfg.train_dataloader.dataset
    second = ConfigDict(first, data_root=str(tmp_path / "other"))
    cfg.train_dataloader.dataset = ConfigDict(type="ConcatDataset", datasets=[first, second])
    return cfg


def test_other_versions_and_tables_train_together(mixed):
    loader = EProPnPRunner.build_dataloader(mixed.train_dataloader)
    assert len(loader.dataset) == 24
    sizes = {sample.ori_shape for batch in loader for sample in batch["data_samples"]}
    assert sizes == {(112, 192)}


def test_other_classes_do_not(mixed):
    mixed.train_dataloader.dataset.datasets[1].metainfo = dict(classes=("car", "bus"))
    with pytest.raises(UserError, match=r"datasets\.1\.metainfo\.classes is \(car, bus\)"):
        check_classes(mixed, ["train_dataloader"])
