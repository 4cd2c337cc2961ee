"""The benchmark of the exported layer, on few objects."""

import re

import deploy_layer
import pytest


def test_prints_a_row_a_contender(layer_file, monkeypatch, capsys):
    pytest.importorskip("openvino", reason="openvino is not installed")
    words = [str(layer_file), "--objects", "3", "--threads", "1", "--repeats", "1", "--no-compile"]
    monkeypatch.setattr("sys.argv", ["deploy_layer.py", *words])
    deploy_layer.main()
    said = capsys.readouterr().out
    assert "3 objects of 20 points, 6 DoF" in said
    lines = [line for line in said.splitlines() if line[:1] == "|"]
    rows = [[part.strip() for part in re.split(r"\|", line)[1:-1]] for line in lines[2:]]
    assert [row[0] for row in rows] == ["PyTorch, uncompiled", "onnxruntime", "openvino"]
    assert all(float(row[1]) >= float(row[2]) > 0 for row in rows)
