"""Pretrained weights: what a name stands for, and the cache that its file goes to."""

import hashlib
import json
import os
import re
from pathlib import Path

import mmengine
import pytest
import torch
from file_server import Server, serving
from mmdet3d.registry import MODELS
from mmengine.config import Config
from weight_files import RESNET, pretrained, refusal, save, weights

from epropnp_det.engine.pretrained import check_pretrained, prepare_pretrained
from epropnp_det.engine.pretrained_source import resolve

LISTED = json.loads(Path(mmengine.__path__[0], "hub", "torchvision_0.12.json").read_text())

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("torchvision://resnet50", LISTED["resnet50"]),
        ("modelzoo://resnet101", LISTED["resnet101"]),
        ("open-mmlab://detectron2/resnet50_caffe", "https://.*/resnet50_msra-[0-9a-f]{8}.pth"),
        ("open-mmlab://resnet50_caffe", "https://.*/resnet50_caffe-[0-9a-f]{8}.pth"),
        ("openmmlab://regnetx_400mf", "https://.*/regnetx_400mf-[0-9a-f]{8}.pth"),
        ("mmcls://resnet50", "https://.*mmclassification.*resnet50.*.pth"),
        ("https://host/a.pth", "https://host/a.pth"),
        ("~/a.pth", "~/a.pth"),
    ],
)
def test_address(name, address, no_torchvision):
    assert re.fullmatch(address, resolve(name))


def test_name_that_only_an_installed_torchvision_knows(monkeypatch):
    monkeypatch.setattr(
        "epropnp_det.engine.pretrained_source.get_torchvision_models",
        lambda: {"resnet50.imagenet1k_v2": "https://host/resnet50-11ad3fa6.pth"},
    )
    found = resolve("torchvision://resnet50.imagenet1k_v2")
    assert found == "https://host/resnet50-11ad3fa6.pth"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("torchvision://resnet102", "without torchvision (did you mean 'resnet152'?)"),
        ("torchvision://shufflenetv2_x2.0", "no address of it"),
        ("open-mmlab://detectron2/resnet51_caffe", "did you mean 'detectron2/resnet50_caffe'"),
        ("mmcls://resnet", "no address of it"),
        ("absent.pth", "the checkpoint absent.pth does not exist"),
        ("https://host/folder/", "names no file"),
        ("cloud://bucket/a.pth", "reading it failed (FileNotFoundError"),
        ("s3://bucket/a.pth", "reading it failed (ImportError"),
        (None, "is None, which names no file: say `--cfg-options"),
    ],
)
def test_name_that_leads_nowhere(name, said, offline, no_torchvision):
    sentence = refusal(dict(backbone=dict(init_cfg=dict(type="Pretrained", checkpoint=name))))
    assert said in sentence and "model.backbone.init_cfg=None` to start without" in sentence


def test_own_list(offline, tmp_path):
    home = tmp_path / "mmengine"
    file = save({"a": torch.zeros(1)}, home)
    (home / "open_mmlab.json").write_text(json.dumps({"mine": file.name}))
    prepare_pretrained(Config(dict(model=dict(init_cfg=pretrained("open-mmlab://mine")))))
    file.unlink()
    assert f"{file} does not exist" in refusal(dict(init_cfg=pretrained("open-mmlab://mine")))


def test_backbone_of_ours_can_be_fetched_elsewhere(offline):
    said = refusal(dict(backbone=dict(init_cfg=pretrained("torchvision://resnet101"))))
    assert "`tools/download_checkpoint.py resnet101 --out DIR`" in said


def test_names_of_torchvision_become_addresses(offline, no_torchvision, cache, monkeypatch):
    file = save({"a": torch.zeros(1)}, cache)
    listed = {"tiny": f"https://host/{file.name}"}
    monkeypatch.setattr(
        "epropnp_det.engine.pretrained_source._torchvision_models", lambda _: listed
    )
    cfg = Config(dict(model=dict(init_cfg=[pretrained("torchvision://tiny")])))
    prepare_pretrained(cfg)
    assert cfg.model.init_cfg[0].checkpoint == listed["tiny"]


def test_fetched_once_and_then_used_without_network(server: Server, cache, request, tmp_path):
    file = save(weights(RESNET), tmp_path)
    server.behaviour.content = file.read_bytes()
    model = dict(**RESNET, init_cfg=pretrained(server.url(file.name)))
    prepare_pretrained(Config(dict(model=model)))
    assert [path.name for path in cache.iterdir()] == [file.name]
    request.getfixturevalue("offline")
    prepare_pretrained(Config(dict(model=model)))
    network = MODELS.build(model)
    check_pretrained(network)
    network.init_weights()
    torch.testing.assert_close(network.state_dict(), torch.load(file), check_dtype=False)


def test_interrupted_transfer_leaves_nothing_that_is_taken_for_the_file(server, cache, tmp_path):
    file = save(weights(RESNET), tmp_path)
    server.behaviour.content, server.behaviour.stops_after = file.read_bytes(), 1000
    model = dict(init_cfg=pretrained(server.url(file.name)))
    assert "stopped after 1000 of" in refusal(model)
    assert not (cache / file.name).exists()
    server.behaviour.stops_after = None
    prepare_pretrained(Config(dict(model=model)))
    assert server.behaviour.seen == [None, "bytes=1000-"]


def test_unverified_file_is_told(server, capsys, tmp_path):
    file = save({"a": torch.zeros(1)}, tmp_path, "plain.pth")
    server.behaviour.content = file.read_bytes()
    prepare_pretrained(Config(dict(model=dict(init_cfg=pretrained(server.url("plain.pth"))))))
    said = capsys.readouterr().out
    assert "could not be verified" in said
    assert hashlib.sha256(server.behaviour.content).hexdigest() in said


def test_cached_file_that_is_another(offline, cache):
    file = save({"a": torch.zeros(1)}, cache, "weights-00000000.pth")
    said = refusal(dict(init_cfg=pretrained(f"https://host/{file.name}")))
    assert f"{file} is not the file that https://host/{file.name} names" in said
    assert "delete it" in said


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "local"])
def test_hostile_file(cached, offline, cache, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'mark'}",)

    file = save({"state_dict": {}, "extra": Hostile()}, cache)
    said = refusal(dict(init_cfg=pretrained(f"https://host/{file.name}" if cached else str(file))))
    assert "could run code" in said and ("delete it" in said) == cached
    assert not (tmp_path / "mark").exists()


def test_broken_file_without_checksum(offline, cache):
    cache.mkdir(parents=True)
    (cache / "weights.pth").write_bytes(b"not a checkpoint")
    said = refusal(dict(init_cfg=pretrained()))
    assert "weights.pth is broken" in said and "delete it to have it fetched anew" in said
