"""The benchmark of exported files, on the shipped network's."""

import re

import deploy
import pytest


def test_prints_a_row_a_contender(exported, repo_root, monkeypatch, capsys):
    for name in ("onnxruntime", "openvino"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    pytest.importorskip("terminaltables")
    config = repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    weights = repo_root / "checkpoints/epropnp-det_r18_synthetic.pth"
    words = ["deploy.py", exported, config, weights, "--threads", "1", "--repeats", "1"]
    monkeypatch.setattr("sys.argv", list(map(str, words)))
    deploy.main()
    said = capsys.readouterr().out
    assert "400 x 224, 64 objects, file of " in said
    rows = [re.split(r"\s*\|\s*", line)[1:-1] for line in said.splitlines() if line[:1] == "|"][2:]
    assert [row[0].split()[0] for row in rows] == ["torch", "onnxruntime", "openvino"]
    assert rows[0][3] == rows[0][5] == "1.00"
    for row in rows:
        assert float(row[2]) > 0 and float(row[4]) > 50 and row[6] == "100%"
