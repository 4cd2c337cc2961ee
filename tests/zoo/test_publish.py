"""Checkpoints to hand out."""

import hashlib

import pytest
import torch

from epropnp_det.errors import UserError
from epropnp_det.zoo.publish import publish_checkpoint


def test_weights_alone_in_half_precision(tmp_path):
    weights = {"a.weight": torch.randn(3, 5), "bn.num_batches_tracked": torch.tensor(7)}
    torch.save(
        dict(
            state_dict=weights,
            optimizer=dict(state={}),
            message_hub={},
            meta=dict(epoch=6, seed=0, cfg="cfg", dataset_meta=dict(classes=("car",))),
        ),
        tmp_path / "epoch_6.pth",
    )
    file = publish_checkpoint(tmp_path / "epoch_6.pth", tmp_path / "new" / "small.pth")
    written = torch.load(file.path, weights_only=True)
    assert written["meta"] == dict(epoch=6, seed=0, dataset_meta=dict(classes=("car",)))
    assert written.keys() == {"meta", "state_dict"}
    assert written["state_dict"]["a.weight"].equal(weights["a.weight"].half())
    assert written["state_dict"]["bn.num_batches_tracked"].equal(torch.tensor(7))
    assert file.num_parameters == 16
    assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()


def test_bare_weights(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "bare.pth")
    file = publish_checkpoint(tmp_path / "bare.pth", tmp_path / "small.pth")
    assert torch.load(file.path, weights_only=True)["meta"] == {}


def test_too_large_for_half_precision(tmp_path):
    torch.save({"weight": torch.tensor([1.0, 1e5])}, tmp_path / "large.pth")
    with pytest.raises(UserError, match="weight holds 1e\\+05, too large"):
        publish_checkpoint(tmp_path / "large.pth", tmp_path / "small.pth")
    assert not (tmp_path / "small.pth").exists()
