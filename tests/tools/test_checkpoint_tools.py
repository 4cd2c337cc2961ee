"""tools/download_checkpoint.py, tools/convert_checkpoint.py and tools/publish_checkpoint.py."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import torch
from file_server import CONTENT, Server, serving, unused_port

from epropnp_det.zoo.backbones import BACKBONES
from epropnp_det.zoo.download import RemoteFile
from epropnp_det.zoo.models import MODELS

HEAVY = ("mmcv", "mmdet3d", "mmengine", "numpy", "torch")


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def backbone(server: Server, monkeypatch, tmp_path) -> RemoteFile:
    """The server's file in the place of resnet101's, and an empty cache of torch.hub."""
    name = f"resnet101-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
    monkeypatch.setitem(BACKBONES, "resnet101", RemoteFile.at(server.url(name)))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return BACKBONES["resnet101"]


@pytest.fixture
def fetch(import_tool, monkeypatch, tmp_path, capsys):
    """Run tools/download_checkpoint.py and return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["download", *arguments])
        import_tool("download_checkpoint").main()
        return capsys.readouterr().out

    return run


def test_backbone_goes_where_a_training_looks_for_it(fetch, backbone, server, tmp_path):
    path = tmp_path / "torch/hub/checkpoints" / backbone.name
    said = fetch("resnet101")
    assert path.read_bytes() == CONTENT
    assert f"{path} is there and its sha256 begins with {backbone.checksum}" in said
    assert "with or without network" in said
    fetch("resnet101")
    assert len(server.behaviour.seen) == 1


def test_backbone_for_another_machine(fetch, backbone):
    said = fetch("resnet101", "--out", "files")
    path = Path("files", backbone.name)
    assert path.read_bytes() == CONTENT
    assert f"`--cfg-options model.backbone.init_cfg.checkpoint={path}`" in said


def test_interrupted_download_of_a_backbone(fetch, fails, backbone, server):
    server.behaviour.stops_after = 1000
    assert "stopped after 1000 of" in fails("download_checkpoint", "resnet101", "--out", "files")
    assert not Path("files", backbone.name).exists()
    server.behaviour.stops_after = None
    fetch("resnet101", "--out", "files")
    assert server.behaviour.seen == [None, "bytes=1000-"]


def test_backbone_without_network(fails, backbone, monkeypatch):
    url = f"http://127.0.0.1:{unused_port()}/resnet101-00000000.pth"
    monkeypatch.setitem(BACKBONES, "resnet101", RemoteFile.at(url))
    assert "could not be fetched" in fails("download_checkpoint", "resnet101")


def test_backbone_that_is_another(fails, backbone, server):
    server.behaviour.content = CONTENT[:-1] + b"x"
    assert "does not have the sha256" in fails("download_checkpoint", "resnet101")


@pytest.mark.parametrize("arguments", [["--help"], ["swin-b"], []])
def test_answers_before_anything_heavy_is_imported(arguments, run_script, repo_root, tmp_path):
    program = (
        "import runpy, sys\n"
        "script, *sys.argv[1:] = sys.argv[1:]\n"
        "try:\n"
        "    runpy.run_path(script, run_name='__main__')\n"
        "finally:\n"
        f"    print('imported', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    tool = repo_root / "tools/download_checkpoint.py"
    done = run_script(tmp_path, "-c", program, tool, *arguments)
    assert done.returncode == (0 if "--help" in arguments else 2), done.stderr
    assert "imported []" in done.stdout
    assert "resnet101" in done.stdout + done.stderr or not arguments


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
