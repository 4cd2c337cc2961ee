import json

import cv2
import numpy as np
import pytest
from nuscenes import NuScenes

from epropnp_det.errors import UserError
from epropnp_det.synthetic import Settings, generate
from epropnp_det.visualization import sequence
from epropnp_det.visualization.sequence import (
    read_results,
    save_sequence,
    scene_samples,
    write_video,
)

DPI = 20  # 160 x 90 pixels


@pytest.fixture(scope="module")
def nusc(tmp_path_factory):
    root = tmp_path_factory.mktemp("sequence") / "data"
    generate(Settings(1, 2, 1, image_size=(64, 36)), root)
    return NuScenes("v1.0-mini", str(root), verbose=False)


@pytest.fixture(scope="module")
def scene(nusc) -> str:
    return next(scene["name"] for scene in nusc.scene if scene["nbr_samples"] == 2)


def frames_of(path) -> list[np.ndarray]:
    video, frames = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = video.read()
        if not there:
            return frames
        frames.append(frame)


def test_video_has_a_frame_for_each_keyframe_in_order(nusc, scene, tmp_path):
    assert save_sequence(tmp_path / "a.mp4", nusc, scene, dpi=DPI) == 2
    frames = frames_of(tmp_path / "a.mp4")
    assert [frame.shape for frame in frames] == [(90, 160, 3)] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    tokens = scene_samples(nusc, scene)
    times = [nusc.get("sample", token)["timestamp"] for token in tokens]
    assert times == sorted(times) and len(set(tokens)) == 2


def test_run_goes_on_where_it_was_but_not_with_frames_of_other_results(
    nusc, scene, tmp_path, monkeypatch
):
    drawn, draw = [], sequence.surround_page
    monkeypatch.setattr(sequence, "surround_page", lambda *args: drawn.append(args) or draw(*args))
    monkeypatch.setattr(sequence, "write_video", lambda *args: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):
        save_sequence(tmp_path / "a.mp4", nusc, scene, dpi=DPI)
    monkeypatch.undo()
    monkeypatch.setattr(sequence, "surround_page", lambda *args: drawn.append(args) or draw(*args))
    assert len(drawn) == 2
    save_sequence(tmp_path / "a.mp4", nusc, scene, dpi=DPI, keep_frames=True)
    assert len(drawn) == 2
    results = {token: [] for token in scene_samples(nusc, scene)}
    save_sequence(tmp_path / "a.mp4", nusc, scene, results, dpi=DPI)
    assert len(drawn) == 4


def test_folder_gets_the_frames_alone(nusc, scene, tmp_path):
    save_sequence(tmp_path / "frames", nusc, scene, dpi=DPI)
    assert [path.suffix for path in (tmp_path / "frames").iterdir()] == [".png"] * 2


def test_wrong_input_is_named(nusc, scene, tmp_path):
    with pytest.raises(UserError, match=f"no scene scene-9: it has .*{scene}"):
        save_sequence(tmp_path / "a.mp4", nusc, "scene-9")
    with pytest.raises(UserError, match=f"none of the 2 samples of {scene}"):
        save_sequence(tmp_path / "a.mp4", nusc, scene, {"other": []})
    with pytest.raises(UserError, match=r"absent\.json is missing"):
        read_results(tmp_path / "absent.json")
    for content in ("{}", "no json", '{"results": []}'):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(UserError, match=r"bad\.json is no results_nusc\.json"):
            read_results(tmp_path / "bad.json")
    (tmp_path / "good.json").write_text(json.dumps({"meta": {}, "results": {"a": []}}))
    assert read_results(tmp_path / "good.json") == {"a": []}
    assert not (tmp_path / "a.mp4").exists()


def test_video_is_written_whole_or_not_at_all(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    cv2.imwrite(str(paths[0]), np.zeros((32, 64, 3), np.uint8))
    cv2.imwrite(str(paths[1]), np.zeros((16, 64, 3), np.uint8))
    with pytest.raises(UserError, match=r"1\.png is not readable or not as large"):
        write_video(tmp_path / "out" / "a.mp4", paths)
    assert not list((tmp_path / "out").iterdir())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="name another --out"):
        write_video(tmp_path / "file" / "a.mp4", paths[:1])
