"""tools/download_checkpoint.py, tools/convert_checkpoint.py and tools/publish_checkpoint.py."""

import argparse
import dataclasses
import hashlib
import json
import re
import shlex
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
def test_answers_before_anything_heavy_is_imported(arguments, run_fresh, repo_root, tmp_path):
    program = (
        "import runpy, sys\n"
        "script, *sys.argv[1:] = sys.argv[1:]\n"
        "try:\n"
        "    runpy.run_path(script, run_name='__main__')\n"
        "finally:\n"
        f"    print('imported', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    tool = repo_root / "tools/download_checkpoint.py"
    done = run_fresh(tmp_path, "-c", program, tool, *arguments)
    assert done.returncode == (0 if "--help" in arguments else 2), done.stderr
    assert "imported []" in done.stdout
    assert "resnet101" in done.stdout + done.stderr or not arguments


@pytest.mark.parametrize("name", MODELS)
def test_folder_config_and_conversion_of_a_model_are_told(
    name, import_tool, fails, repo_root, monkeypatch
):
    said = fails("download_checkpoint", name, "--out", "my files")
    config = MODELS[name].published_config
    assert f"config {config} by hand from https://drive.google.com/drive/folders/" in said
    assert all(str(folder) in said for folder in MODELS[name].folders)
    assert said.endswith(f" goes with {MODELS[name].config}.")
    program, script, *words = shlex.split(told_command(said))
    assert program == "python" and (repo_root / script).is_file()
    monkeypatch.setattr("sys.argv", [script, *words])
    args = import_tool(Path(script).stem).parse_args()
    assert args == argparse.Namespace(source="FILE", target=f"my files/{name}.pth", model=name)


def told_command(sentence: str) -> str:
    return re.search("`(.*)`", sentence)[1]


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


@pytest.fixture
def published(golden_dir, tmp_path):
    """Write FILE, a published model's without some of its parameters; returns its SHA-256."""

    def write(model: str, without: str | None = None) -> str:
        shapes = json.loads((golden_dir / f"published_{model}_keys.json").read_text())
        state = {n: torch.tensor(1.0).expand(shape) for n, shape in shapes.items() if n != without}
        torch.save(dict(state_dict=state), tmp_path / "FILE")
        return hashlib.sha256((tmp_path / "FILE").read_bytes()).hexdigest()

    return write


def test_conversion(import_tool, fails, published, monkeypatch, capsys):
    digest = published("v2")
    assert "absent.pth does not exist" in fails("convert_checkpoint", "absent.pth", "ours.pth")
    assert "say which with --model" in fails("convert_checkpoint", "FILE", "ours.pth")
    command = shlex.split(told_command(fails("download_checkpoint", "v2")))
    assert command[-2:] == ["--model", "v2"]
    monkeypatch.setattr("sys.argv", command[1:])
    import_tool("convert_checkpoint").main()
    theirs, ours = (torch.load(path) for path in ("FILE", "checkpoints/v2.pth"))
    assert len(ours["state_dict"]) == len(theirs["state_dict"])
    assert capsys.readouterr().out == (
        f"checkpoints/v2.pth: {len(theirs['state_dict'])} tensors of v2, for "
        f"{MODELS['v2'].config}, from a file with the SHA-256 {digest}\n"
    )
    again = fails("convert_checkpoint", "checkpoints/v2.pth", "again.pth")
    assert f"is converted already (v2, from a file with the SHA-256 {digest})" in again
    assert not Path("again.pth").exists()


def test_checksum_comes_after_what_is_left_out(
    import_tool, published, monkeypatch, tmp_path, capsys
):
    digest = published("basic", without="bbox_head.loss_proj.mean_inv_std")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["convert", "FILE", "ours.pth"])
    import_tool("convert_checkpoint").main()
    left_out, closing = capsys.readouterr().out.splitlines()
    assert left_out.startswith("left out") and closing.endswith(digest)


def test_publication(import_tool, fails, monkeypatch, capsys):
    assert "absent.pth does not exist" in fails("publish_checkpoint", "absent.pth", "small.pth")
    torch.save(dict(state_dict={"weight": torch.ones(4)}, optimizer={}), "epoch_1.pth")
    monkeypatch.setattr("sys.argv", ["publish", "epoch_1.pth", "small.pth"])
    import_tool("publish_checkpoint").main()
    digest = hashlib.sha256(Path("small.pth").read_bytes()).hexdigest()
    assert f"small.pth: 4 numbers, 0.0 MB, SHA-256 {digest}" in capsys.readouterr().out
