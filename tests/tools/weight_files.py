"""Small networks, files of weights for them, and a machine without network."""

import hashlib
from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from epropnp_det.engine.pretrained import prepare_pretrained
from epropnp_det.errors import UserError

RESNET = dict(type="mmdet.ResNet", depth=18, base_channels=4, norm_eval=True)
SWIN = dict(
    type="mmdet.SwinTransformer", embed_dims=12, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1)
)


def pretrained(checkpoint: str = "https://host/weights.pth", **others) -> dict:
    """An ``init_cfg`` that asks for a file."""
    return dict(type="Pretrained", checkpoint=checkpoint, **others)


def weights(model: dict) -> dict[str, torch.Tensor]:
    """Weights of another training of a network."""
    state = MODELS.build(model).state_dict()
    return {name: torch.rand_like(value.float()).to(value) for name, value in state.items()}


def save(checkpoint: object, folder: Path, name: str = "weights-{}.pth") -> Path:
    """Save a checkpoint, and name it by its checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, folder / "draft")
    checksum = hashlib.sha256((folder / "draft").read_bytes()).hexdigest()
    return (folder / "draft").rename(folder / name.format(checksum[:8]))


def empty_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give torch.hub an empty cache and mmengine an empty home, and enter our configs' scope."""
    monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
    monkeypatch.setenv("MMENGINE_HOME", str(folder / "mmengine"))
    init_default_scope("mmdet3d")
    return folder / "torch" / "hub" / "checkpoints"


def cut_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every download fail."""

    def fail(*_, **__):
        raise OSError("there is no network")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", fail)


def refusal(model: dict) -> str:
    """The one sentence by which the weights of a model's config are refused."""
    with pytest.raises(UserError) as error:
        prepare_pretrained(Config(dict(model=model)))
    said = str(error.value)
    assert "\n" not in said and said.endswith(".") and "..." not in said
    return said
