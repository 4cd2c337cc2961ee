"""Pictures of rigs with other cameras than nuScenes', and without LiDAR."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from nuscenes import NuScenes

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.synthetic import Settings, generate
from epropnp_det.visualization.browse import browse, info_file_of_split
from epropnp_det.visualization.overview import sample_surround, save_overview
from epropnp_det.visualization.surround import LAYOUT, layout

SIX = [name for row in LAYOUT for name in row]


@pytest.mark.parametrize(
    ("channels", "rows"),
    [
        (SIX, [list(row) for row in LAYOUT]),
        (["CAM_FRONT"], [["CAM_FRONT", None]]),
        (["CAM_BACK_LEFT"], [["CAM_BACK_LEFT", None]]),
        (["LEFT", "RIGHT"], [["LEFT", "RIGHT"]]),
        (["CAM_FRONT", "LEFT", "RIGHT"], [["CAM_FRONT", "LEFT"], ["RIGHT", None]]),
        ([*SIX, "MAST"], [*map(list, LAYOUT), ["MAST", None]]),
        ([], []),
    ],
)
def test_layout(channels, rows):
    ahead = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    assert layout(dict.fromkeys(channels, ahead)) == rows


def test_layout_by_where_cameras_look():
    def at(degrees: float) -> np.ndarray:
        pose = np.eye(4)
        angle = np.deg2rad(degrees)
        pose[:3, 2] = np.cos(angle), np.sin(angle), 0.0
        return pose

    cameras = {"a": at(-140), "b": at(20), "c": at(140), "d": at(-20), "e": at(0)}
    assert layout(cameras) == [["b", "e"], ["d", "c"], ["a", None]]


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    """A dataroot of two cameras, one of another name, without LiDAR."""
    root = tmp_path / "data"
    generate(Settings(1, 1, 1, image_size=(64, 36)), root)
    tables = root / "v1.0-mini"
    sensors = json.loads((tables / "sensor.json").read_text())
    for sensor in sensors:
        if sensor["channel"] == "CAM_BACK":
            sensor["channel"] = "MAST"
    (tables / "sensor.json").write_text(json.dumps(sensors))
    data = json.loads((tables / "sample_data.json").read_text())
    kept = [r for r in data if "/CAM_FRONT/" in r["filename"] or "/CAM_BACK/" in r["filename"]]
    (tables / "sample_data.json").write_text(json.dumps(kept))
    create_nuscenes_infos(root, "v1.0-mini")
    return root


def test_keyframes(rig, tmp_path):
    assert browse(info_file_of_split(rig, "train"), rig, tmp_path / "sheets") == 1
    (sheet,) = (tmp_path / "sheets").iterdir()
    assert imread(sheet).std() > 0.1


def test_overview(rig, tmp_path):
    nusc = NuScenes("v1.0-mini", str(rig), verbose=False)
    token = nusc.sample[0]["token"]
    assert list(sample_surround(nusc, token).cameras) == ["CAM_FRONT", "MAST"]
    save_overview(tmp_path / "overview.png", nusc, token, [])
    assert imread(tmp_path / "overview.png").std() > 0.1
