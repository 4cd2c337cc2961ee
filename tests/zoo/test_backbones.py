"""The table of pretrained backbones, and the cache in which torch.hub finds them."""

import json
import re
from pathlib import Path

import mmengine
import pytest
import torch

from epropnp_det.engine.config import load_config
from epropnp_det.zoo.backbones import BACKBONES, backbone_at, hub_folder

URL = "https://host/folder/weights-63fe2227.pth"


def test_resnet_is_that_of_mmengine():
    listed = Path(mmengine.__path__[0], "hub", "torchvision_0.12.json").read_text()
    for name in ("resnet34", "resnet101"):
        assert BACKBONES[name].url == json.loads(listed)[name]


def test_each_can_be_verified():
    lengths = dict(sha256=64, sha384=96)
    for file in BACKBONES.values():
        assert re.fullmatch("[0-9a-f]{8,}", file.checksum)
        assert len(file.checksum) in (8, lengths[file.algorithm])


def test_they_are_those_of_the_configs(repo_root):
    used = set()
    for path in (repo_root / "configs").glob("epropnp_*/*.py"):
        init_cfg = load_config(str(path)).model.backbone.get("init_cfg")
        if init_cfg and init_cfg["type"] == "Pretrained":
            used.add(backbone_at(init_cfg["checkpoint"]))
    assert used == set(BACKBONES)
    assert backbone_at(URL) is None


@pytest.mark.parametrize("where", ["TORCH_HOME", "XDG_CACHE_HOME", "set_dir"])
def test_torch_looks_there(where, tmp_path, monkeypatch):
    monkeypatch.delenv("TORCH_HOME", raising=False)
    if where == "set_dir":
        monkeypatch.setattr("torch.hub._hub_dir", str(tmp_path))
    else:
        monkeypatch.setenv(where, str(tmp_path))
    assert tmp_path in hub_folder().parents
    hub_folder().mkdir(parents=True)
    torch.save({"a": torch.ones(1)}, hub_folder() / "weights-63fe2227.pth")
    assert torch.hub.load_state_dict_from_url(URL)["a"] == 1
