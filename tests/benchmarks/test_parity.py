"""The comparison of an exported detector with its network, on one image."""

import re

import numpy as np
import parity
import pytest


def box(name: str, score: float, x: float, yaw: float) -> dict:
    return {"name": name, "score": score, "center": [x, 0.0, 9.0], "yaw": yaw}


def test_partners_by_hand():
    theirs = [box("car", 0.5, 1.0, 3.0), box("bus", 0.4, 0.0, 0.0), box("car", 0.3, 2.0, 0.0)]
    ours = [box("car", 0.5, 1.5, 0.0), box("car", 0.5, 1.002, 3.0 - 2 * np.pi)]
    found = np.array(list(parity.differences(ours, theirs)))
    assert found[0] == pytest.approx([0.002, 0.0], abs=1e-9)
    assert np.isinf(found[1:]).all()
    (name, same, near, median, most) = parity.row("x", [{"boxes": ours}], [{"boxes": ours}])
    assert (name, same, near, median, most) == ("x", "1/1", "100.0%", "0.000", "0.0")
    assert parity.row("x", [{"boxes": []}], [{"boxes": []}])[1:3] == ["1/1", "nan%"]


def test_prints_a_row_each(exported, repo_root, monkeypatch, capsys):
    pytest.importorskip("openvino", reason="openvino is not installed")
    config = repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    weights = repo_root / "checkpoints/epropnp-det_r18_synthetic.pth"
    image, camera = repo_root / "examples/street.jpg", repo_root / "examples/street.json"
    options = ["--cam2img", camera, "--cfg-options", "model.test_cfg.max_per_img=64"]
    words = ["parity.py", exported, config, weights, image, *options]
    monkeypatch.setattr("sys.argv", list(map(str, words)))
    parity.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1] == "|"]
    rows = [[part.strip() for part in re.split(r"\|", line)[1:-1]] for line in lines[2:]]
    assert [row[0] for row in rows] == ["PyTorch without oneDNN", "onnxruntime", "openvino"]
    for row in rows:
        assert row[1] == "1/1" and float(row[2].rstrip("%")) > 60 and float(row[3]) < 1
