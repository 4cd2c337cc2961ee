"""Pretrained weights: whether they are of the network that is to start from them."""

import copy

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.model import BaseModule, MMDistributedDataParallel, Sequential
from torch import nn
from weight_files import RESNET, SWIN, pretrained, save, weights

from epropnp_det.engine.pretrained import check_pretrained, forget_pretrained
from epropnp_det.errors import UserError

pytestmark = pytest.mark.usefixtures("cache")


class Trunk(Sequential):
    """Two layers under names that files have."""

    def __init__(self, init_cfg=None) -> None:
        super().__init__(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), init_cfg=init_cfg)


class Whole(BaseModule):
    """A trunk inside of another module."""

    def __init__(self, trunk: BaseModule, init_cfg=None) -> None:
        super().__init__(init_cfg)
        self.trunk = trunk


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": value for name, value in Trunk().state_dict().items()}


def original_swin() -> dict[str, torch.Tensor]:
    """Weights under the names of Swin's authors."""
    renamed = (("attn.w_msa.", "attn."), ("ffn.layers.0.0.", "mlp.fc1."))
    renamed += (("ffn.layers.1.", "mlp.fc2."), ("stages.", "layers."), ("projection", "proj"))
    state = {}
    for name, value in weights(SWIN).items():
        for ours, theirs in renamed:
            name = name.replace(ours, theirs)
        state[name] = value
    return state


FITTING = {
    "bare": (Trunk, prefixed(""), {}),
    "contained": (Trunk, dict(state_dict=prefixed("")), {}),
    "wrapped": (Trunk, dict(state_dict=prefixed("module.")), {}),
    "part": (Trunk, dict(state_dict=prefixed("backbone.")), dict(prefix="backbone")),
    "half": (Trunk, {k: v for k, v in prefixed("").items() if k.startswith("0")}, {}),
    "scoped": (Trunk, prefixed(""), dict(type="mmengine.Pretrained")),
    "resnet": (RESNET, weights(RESNET), {}),
    "without offsets": (
        dict(
            RESNET,
            depth=50,
            dcn=dict(type="DCNv2", deform_groups=1, fallback_on_stride=False),
            stage_with_dcn=(False, False, True, True),
        ),
        weights(dict(RESNET, depth=50)),
        {},
    ),
    "swin": (dict(SWIN, convert_weights=True), dict(model=original_swin()), {}),
    "mmdet's swin": (
        SWIN,
        dict(state_dict={f"backbone.{k}": v for k, v in weights(SWIN).items()}),
        {},
    ),
    "detectors": (
        dict(RESNET, type="mmdet.DetectoRS_ResNet", depth=50),
        weights(dict(RESNET, depth=50)),
        {},
    ),
}
FOREIGN = {
    "names": (Trunk, prefixed("other."), {}, "has 0 of its 4 parameters"),
    "shapes": (Trunk, Sequential(nn.Linear(4, 2)).state_dict(), {}, "0 of its 4"),
    "less than half": (Trunk, {"0.weight": torch.zeros(4, 3, 3, 3)}, {}, "1 of its 4"),
    "container": (Trunk, dict(model=prefixed("")), {}, "0 of its 4"),
    "prefix": (Trunk, prefixed(""), dict(prefix="neck"), "AssertionError: neck. is not in"),
    "other depth": (dict(RESNET, depth=50), weights(RESNET), {}, "has 43 of its 159 parameters"),
    "resnet for swin": (SWIN, weights(RESNET), {}, "another network"),
    "larger swin": (
        SWIN,
        {f"backbone.{k}": v for k, v in weights(dict(SWIN, depths=(1, 1, 2, 1))).items()},
        {},
        "KeyError",
    ),
}


def build(network: type | dict, init_cfg: dict | list) -> nn.Module:
    if isinstance(network, dict):
        return MODELS.build(dict(network, init_cfg=init_cfg))
    return network(init_cfg)


@pytest.mark.parametrize("case", FITTING)
def test_file_of_the_same_network(case, offline, tmp_path):
    network, checkpoint, others = FITTING[case]
    init_cfg = Config(dict(a=dict(pretrained(str(save(checkpoint, tmp_path))), **others))).a
    model = build(network, init_cfg)
    before, seed = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    check_pretrained(model)
    # The check leaves no trace ...
    torch.testing.assert_close(model.state_dict(), before)
    assert torch.equal(torch.get_rng_state(), seed)
    # ... and what it has approved arrives.
    model.init_weights()
    changed = [not torch.equal(value, before[name]) for name, value in model.named_parameters()]
    assert any(changed)


@pytest.mark.parametrize("case", FOREIGN)
def test_file_of_another_network(case, offline, tmp_path):
    network, checkpoint, others, said = FOREIGN[case]
    file = save(checkpoint, tmp_path)
    model = build(network, Config(dict(a=dict(pretrained(str(file)), **others))).a)
    with pytest.raises(UserError) as error:
        check_pretrained(Whole(model))
    sentence = str(error.value)
    assert sentence.startswith(f"{file}, from which model.trunk is to start") and said in sentence
    assert "`--cfg-options model.trunk.init_cfg=None`" in sentence and "\n" not in sentence


def test_lists_and_children_are_looked_at_too(offline, tmp_path):
    good, foreign = str(save(prefixed(""), tmp_path)), str(save({"a": torch.zeros(1)}, tmp_path))
    several = [dict(type="Constant", layer="Conv2d", val=1.0), pretrained(good)]
    check_pretrained(Whole(Trunk(several)))
    whole = pretrained(str(save(prefixed("trunk."), tmp_path)))
    check_pretrained(Whole(Trunk(several), whole))
    with pytest.raises(UserError, match="model.trunk is to start"):
        check_pretrained(Whole(Trunk([*several[:1], pretrained(foreign)]), whole))
    override = dict(type="Constant", layer="Conv2d", val=1.0)
    override["override"] = pretrained(good, name="trunk")
    check_pretrained(Whole(Trunk(), override))


def test_two_files_for_one_module(offline, tmp_path):
    state = prefixed("")
    halves = [{k: v for k, v in state.items() if k.startswith(part)} for part in "01"]
    files = [pretrained(str(save(half, tmp_path))) for half in halves]
    check_pretrained(Trunk(files))


def test_module_that_never_loads_its_file(offline, tmp_path):
    class Forgetful(Trunk):
        def init_weights(self) -> None:
            nn.init.zeros_(self[0].weight)

    with pytest.raises(UserError, match="has 0 of its 4 parameters"):
        check_pretrained(Forgetful(pretrained(str(save(prefixed(""), tmp_path)))))


def test_default_of_a_module_that_no_config_names(offline, no_torchvision):
    with pytest.raises(UserError, match="model.trunk.init_cfg.checkpoint asks for torchvision://"):
        check_pretrained(Whole(Trunk(pretrained("torchvision://resnet50"))))


def test_wrapped_model(offline, monkeypatch, tmp_path):
    foreign = pretrained(str(save({"a": torch.zeros(1)}, tmp_path)))
    wrapped = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    nn.Module.__init__(wrapped)
    wrapped.module = Whole(Trunk(foreign))
    with pytest.raises(UserError, match="model.trunk is to start"):
        check_pretrained(wrapped)
    forget_pretrained(wrapped)
    check_pretrained(wrapped)


@pytest.mark.parametrize("kind", ["dict", "list", "detectors"])
def test_resumed_training_needs_no_file(kind, offline):
    missing = pretrained("https://host/weights-00000000.pth")
    if kind == "detectors":
        model = build(dict(RESNET, type="mmdet.DetectoRS_ResNet", depth=50), missing)
    else:
        model = Whole(Trunk([missing] if kind == "list" else missing))
    with pytest.raises(UserError, match="could not be fetched"):
        check_pretrained(model)
    forget_pretrained(model)
    check_pretrained(model)
    model.init_weights()
