"""Checkpoints under torch's restricted unpickler."""

import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from torch import nn

from epropnp_det.engine import check_checkpoint, check_fit, history_buffer
from epropnp_det.errors import UserError


def filled_buffer() -> HistoryBuffer:
    buffer = HistoryBuffer(max_length=3)
    for value, count in [(0.5, 1), (1.5, 2), (2.5, 1), (3.5, 4)]:
        buffer.update(value, count)
    return buffer


def assert_same_buffer(first: HistoryBuffer, second: HistoryBuffer) -> None:
    assert [x.tolist() for x in first.data] == [x.tolist() for x in second.data]
    assert first.max_length == second.max_length
    second.update(1.0)
    assert second.current() == 1.0 and len(second.data[0]) <= second.max_length


@pytest.mark.parametrize("buffer", [filled_buffer(), HistoryBuffer()], ids=["filled", "empty"])
def test_history_buffer_survives_each_way_of_copying(buffer, tmp_path):
    torch.save(buffer, tmp_path / "buffer.pth")
    for copied in (
        torch.load(tmp_path / "buffer.pth", weights_only=True),
        pickle.loads(pickle.dumps(buffer)),
        copy.deepcopy(buffer),
    ):
        assert_same_buffer(buffer, copied)


def test_message_hub_round_trip(tmp_path):
    hub = MessageHub("epropnp_det_checkpoint_test")
    hub.update_scalar("train/loss", 2.0)
    hub.update_scalar("train/loss", torch.tensor(1.0))
    hub.update_info("iter", 7)
    hub.update_info("eta", np.float64(1.5))
    hub.update_info("best", {"score": [np.float32(0.5)]})
    torch.save({"state_dict": {}, "message_hub": hub.state_dict()}, tmp_path / "hub.pth")
    state = check_checkpoint(tmp_path / "hub.pth")["message_hub"]
    restored = MessageHub("epropnp_det_checkpoint_test_restored")
    restored.load_state_dict(state)
    assert restored.get_scalar("train/loss").data[0].tolist() == [2.0, 1.0]
    assert restored.get_info("iter") == 7
    assert restored.get_info("eta") == 1.5
    assert restored.get_info("best") == {"score": [0.5]}


class Reduced:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> tuple:
        return self.reduced


def hostile_objects(mark: Path) -> dict[str, object]:
    command = f"touch {mark}"
    return {
        "system": Reduced(os.system, command),
        "eval": Reduced(eval, f'open({str(mark)!r}, "w")'),
        "getattr": Reduced(getattr, HistoryBuffer, "min"),
        "class": Reduced(HistoryBuffer, [1.0], [1.0]),
        "numpy": np.float64(1.0),
        "buffer_of_call": [filled_buffer(), Reduced(os.system, command)],
    }


@pytest.mark.parametrize("name", hostile_objects(Path()))
def test_hostile_checkpoint_is_refused_and_not_run(name, tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / "hostile.pth"
    torch.save({"state_dict": {}, "message_hub": hostile_objects(mark)[name]}, path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path)
    with pytest.raises(UserError, match="could run code"):
        check_checkpoint(path)
    assert not mark.exists()


def test_state_of_a_buffer_cannot_be_set_from_a_file(tmp_path):
    changed = Reduced(history_buffer, [1.0], [1.0], 3)
    changed.reduced = *changed.reduced, {"statistics_methods": {"mean": "not a function"}}
    torch.save(changed, tmp_path / "changed.pth")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "changed.pth")
    assert filled_buffer().statistics("mean") > 0


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x02}q\x00.", b"PK\x03\x04"])
def test_file_that_is_no_checkpoint(content, tmp_path):
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match="broken.pth is broken"):
        check_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_file_that_was_cut_off(zipped, tmp_path):
    path = tmp_path / "cut.pth"
    # Of several pages: torch fails otherwise on what is cut within the first one.
    checkpoint = {"state_dict": nn.Linear(64, 64).state_dict(), "meta": {"epoch": 1}}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 100)):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match="cut.pth is broken"):
            check_checkpoint(path)


def test_missing_file_and_wrong_content(tmp_path):
    with pytest.raises(UserError, match="absent.pth does not exist"):
        check_checkpoint(tmp_path / "absent.pth")
    with pytest.raises(UserError, match="https://host/a.pth.*download it first"):
        check_checkpoint("https://host/a.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UserError, match="holds a list"):
        check_checkpoint(tmp_path / "list.pth")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_bare_weights_of_either_format(zipped, tmp_path):
    weights = nn.Linear(2, 1).state_dict()
    torch.save(weights, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    read = check_checkpoint(tmp_path / "w.pth")
    torch.testing.assert_close(dict(read["state_dict"]), dict(weights), rtol=0, atol=0)


def test_fit():
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    weights = model.state_dict()
    check_fit(model, {"state_dict": {f"module.{k}": v for k, v in weights.items()}}, "a.pth")
    check_fit(nn.DataParallel(nn.DataParallel(model)), {"state_dict": weights}, "a.pth")
    without_buffers = {k: v for k, v in weights.items() if "running" not in k}
    check_fit(model, {"state_dict": without_buffers}, "a.pth")
    with pytest.raises(UserError, match="a.pth.*1 of 4.*1.weight"):
        check_fit(model, {"state_dict": {**weights, "1.weight": torch.zeros(2)}}, "a.pth")
    with pytest.raises(UserError, match="4 of 4"):
        check_fit(model, {"state_dict": {}}, "a.pth")
