import json

import cv2
import pytest
from nuscenes import NuScenes

from epropnp_det.synthetic import Settings, generate
from epropnp_det.visualization.sequence import scene_samples


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("sequence") / "data"
    generate(Settings(1, 1, 1, image_size=(64, 36)), root)
    return root


def test_scene_with_results(import_tool, root, tmp_path, monkeypatch, capsys):
    nusc = NuScenes("v1.0-mini", str(root), verbose=False)
    scene = nusc.scene[0]["name"]
    (token,) = scene_samples(nusc, scene)
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"meta": {}, "results": {token: []}}))
    out = tmp_path / "a.mp4"
    arguments = ["--root", root, "--version", "v1.0-mini", "--scene", scene, "--width", 330]
    arguments += ["--results", results, "--out", out]
    monkeypatch.setattr("sys.argv", ["visualize_sequence", *map(str, arguments)])
    import_tool("visualize_sequence").main()
    assert f"{out}: 1 frames" in capsys.readouterr().out
    there, frame = cv2.VideoCapture(str(out)).read()
    assert there and frame.shape == (180, 320, 3)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--scene": "scene-9"}, "no scene scene-9: it has scene-"),
        ({"--version": "v1.0-test"}, "has no folder v1.0-test"),
        ({"--results": "absent.json"}, "result file absent.json does not exist"),
    ],
)
def test_wrong_input(fails, root, tmp_path, changed, said):
    options = {
        "--root": root,
        "--version": "v1.0-mini",
        "--scene": "x",
        "--out": tmp_path / "a.mp4",
    }
    arguments = [word for pair in (options | changed).items() for word in pair]
    assert said in fails("visualize_sequence", *arguments)
    assert not list(tmp_path.iterdir())
