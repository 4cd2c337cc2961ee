"""tools/download_checkpoint.py, tools/convert_checkpoint.py and tools/publish_checkpoint.py."""

import dataclasses
import hashlib
import json
from pathlib import Path

import torch

from epropnp_det.zoo.download import RemoteFile
from epropnp_det.zoo.models import MODELS


def test_file_of_unknown_address(fails):
    said = fails("download_checkpoint", "v2")
    assert "fetch it by hand" in said and "tools/convert_checkpoint.py FILE DST --model v2" in said


def test_file_fetched_by_hand_is_verified(import_tool, fails, tmp_path, monkeypatch, capsys):
    content = b"weights"
    file = RemoteFile("https://host/v2.pth", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(MODELS, "v2", dataclasses.replace(MODELS["v2"], file=file))
    Path("files").mkdir()
    Path("files/v2.pth").write_bytes(content)
    monkeypatch.setattr("sys.argv", ["download", "v2", "--out", "files"])
    import_tool("download_checkpoint").main()
    assert "files/v2.pth is there and verified" in capsys.readouterr().out
    Path("files/v2.pth").write_bytes(b"another")
    assert "files/v2.pth is not the file" in fails("download_checkpoint", "v2", "--out", "files")


def test_conversion(import_tool, fails, golden_dir, monkeypatch, capsys):
    shapes = json.loads((golden_dir / "published_v2_keys.json").read_text())
    state = {name: torch.tensor(1.0).expand(shape) for name, shape in shapes.items()}
    torch.save(dict(state_dict=state), "theirs.pth")
    assert "absent.pth does not exist" in fails("convert_checkpoint", "absent.pth", "ours.pth")
    assert "say which with --model" in fails("convert_checkpoint", "theirs.pth", "ours.pth")
    monkeypatch.setattr("sys.argv", ["convert", "theirs.pth", "ours.pth", "--model", "v2"])
    import_tool("convert_checkpoint").main()
    said = capsys.readouterr().out
    assert said == f"ours.pth: {len(state)} tensors of v2, for {MODELS['v2'].config}\n"
    assert len(torch.load("ours.pth")["state_dict"]) == len(state)


def test_publication(import_tool, fails, monkeypatch, capsys):
    assert "absent.pth does not exist" in fails("publish_checkpoint", "absent.pth", "small.pth")
    torch.save(dict(state_dict={"weight": torch.ones(4)}, optimizer={}), "epoch_1.pth")
    monkeypatch.setattr("sys.argv", ["publish", "epoch_1.pth", "small.pth"])
    import_tool("publish_checkpoint").main()
    digest = hashlib.sha256(Path("small.pth").read_bytes()).hexdigest()
    assert f"small.pth: 4 numbers, 0.0 MB, SHA-256 {digest}" in capsys.readouterr().out
