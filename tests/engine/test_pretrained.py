"""Pretrained weights: where configs name them, and what to do where they cannot be had."""

import argparse
import copy
import re
from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config, DictAction
from mmengine.model import PretrainedInit
from torch import nn
from weight_files import RESNET, SWIN, pretrained, refusal, save, weights

from epropnp_det.engine.config import load_config
from epropnp_det.engine.pretrained import _entries, check_pretrained, prepare_pretrained
from epropnp_det.engine.pretrained_source import needs_torchvision

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "epropnp_det"
CONFIGS = sorted(FOLDER.glob("*.py"))

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_config_needs_torchvision(path):
    for entry in _entries(load_config(str(path)).model, "model"):
        assert not needs_torchvision(entry.checkpoint)


def test_flagship_starts_from_a_cached_file_without_torchvision_and_network(
    offline, no_torchvision, cache
):
    path = FOLDER / "epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"
    narrow = {"model.backbone.depth": 50, "model.backbone.base_channels": 4}
    cfg = load_config(str(path), narrow)
    plain = weights(dict(cfg.model.backbone, dcn=None, stage_with_dcn=(False,) * 4))
    cache.mkdir(parents=True)
    torch.save(plain, cache / Path(cfg.model.backbone.init_cfg.checkpoint).name)
    backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    torch.testing.assert_close(backbone.layer4[2].conv2.weight.data, plain["layer4.2.conv2.weight"])


FORMS = {
    "dict": (
        dict(backbone=dict(type="A", init_cfg=pretrained())),
        "model.backbone.init_cfg.checkpoint",
        "model.backbone.init_cfg",
    ),
    "list": (
        dict(backbone=dict(type="A", init_cfg=[dict(type="Kaiming"), pretrained()])),
        "model.backbone.init_cfg.1.checkpoint",
        "model.backbone.init_cfg",
    ),
    "override": (
        dict(neck=dict(type="A", init_cfg=dict(type="Normal", override=pretrained(name="conv")))),
        "model.neck.init_cfg.override.checkpoint",
        "model.neck.init_cfg",
    ),
    "scoped": (
        dict(neck=dict(init_cfg=dict(pretrained(), type="mmengine.Pretrained"))),
        "model.neck.init_cfg.checkpoint",
        "model.neck.init_cfg",
    ),
    "wrapped": (
        dict(type="TTA", module=dict(heads=[dict(), dict(init_cfg=pretrained())])),
        "model.module.heads.1.init_cfg.checkpoint",
        "model.module.heads.1.init_cfg",
    ),
    "whole model": (
        dict(type="A", init_cfg=pretrained()),
        "model.init_cfg.checkpoint",
        "model.init_cfg",
    ),
    "older argument": (
        dict(backbone=dict(type="A", pretrained="https://host/weights.pth")),
        "model.backbone.pretrained",
        "model.backbone.pretrained",
    ),
}


def options(said: str) -> list[str]:
    return re.findall(r"`--cfg-options ([^`]+)`", said)


def applied(model: dict, option: str, path: Path) -> Config:
    """A config file with an option as a command line would take it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=DictAction)
    words = parser.parse_args(["--cfg-options", *option.split()])
    path.write_text(f"model = {model}")
    return load_config(str(path), words.cfg_options)


@pytest.mark.parametrize("form", FORMS)
def test_file_that_cannot_be_had(form, offline, tmp_path):
    model, key, switch = FORMS[form]
    said = refusal(copy.deepcopy(model))
    assert said.startswith(f"{key} asks for https://host/weights.pth, which could not be")
    assert "there is no network" in said and said.count("https://host") == 1
    assert options(said) == [f"{key}=FILE", f"{switch}=None"]
    file = save({"a": torch.zeros(1)}, tmp_path)
    for option in options(said):
        cfg = applied(model, option.replace("FILE", str(file)), tmp_path / "config.py")
        prepare_pretrained(cfg)
    assert "weights.pth" not in str(cfg.model)


def test_backbone_of_a_classifier(offline, tmp_path):
    model = dict(backbone=dict(**RESNET, init_cfg=pretrained("mmcls://resnet18")))
    said = refusal(copy.deepcopy(model))
    file = save({f"backbone.{name}": value for name, value in weights(RESNET).items()}, tmp_path)
    cfg = applied(model, options(said)[0].replace("FILE", str(file)), tmp_path / "config.py")
    prepare_pretrained(cfg)
    check_pretrained(nn.ModuleDict(dict(backbone=MODELS.build(cfg.model.backbone))))
    said = refusal(dict(backbone=dict(type="A", pretrained="mmcls://resnet18")))
    assert options(said) == ["model.backbone.pretrained=None"]


def test_class_in_place_of_a_name(offline):
    model = dict(neck=dict(init_cfg=dict(type=PretrainedInit, checkpoint="https://host/a.pth")))
    assert "model.neck.init_cfg.checkpoint" in refusal(model)


def test_tuples_are_out_of_reach_of_options(offline):
    said = refusal(dict(neck=dict(init_cfg=(pretrained(),))))
    assert "--cfg-options" not in said
    assert "`model.neck.init_cfg.0.checkpoint=FILE` in the config" in said


@pytest.mark.parametrize("value", [True, None, "imagenet", "resnet50.a1_in1k"])
def test_other_arguments_of_the_same_name(value, offline):
    prepare_pretrained(Config(dict(model=dict(type="A", pretrained=value))))


@pytest.mark.parametrize("model", [None, dict(type="A"), dict(init_cfg=dict(type="Kaiming"))])
def test_nothing_is_asked_for(model, offline):
    prepare_pretrained(Config(dict(model=model)))
    prepare_pretrained(Config())


@pytest.mark.parametrize("network", [RESNET, SWIN], ids=["resnet", "swin"])
def test_older_argument_of_backbones(network, offline, tmp_path):
    state = {f"backbone.{k}": v for k, v in weights(network).items()}
    state = state if network is SWIN else weights(network)
    cfg = Config(dict(model=dict(network, pretrained=str(save(state, tmp_path)))))
    prepare_pretrained(cfg)
    model = MODELS.build(cfg.model)
    check_pretrained(model)
    model.init_weights()
    expected = {k.removeprefix("backbone."): v for k, v in state.items()}
    for name, value in model.named_parameters():
        torch.testing.assert_close(value.data, expected[name])


def test_older_argument_of_a_module_that_knows_no_other(offline, tmp_path):
    @MODELS.register_module(force=True)
    class OlderOnly(nn.Module):
        def __init__(self, pretrained: str) -> None:
            super().__init__()

    file = save({"a": torch.ones(1)}, tmp_path)
    cfg = Config(dict(model=dict(type="OlderOnly", pretrained=str(file))))
    prepare_pretrained(cfg)
    MODELS.build(cfg.model)
