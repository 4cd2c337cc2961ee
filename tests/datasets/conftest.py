"""A tiny nuScenes dataroot made of tables, and the info files of the real keyframe."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyquaternion import Quaternion

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.datasets.nuscenes_names import CAMERAS

WIDTH, HEIGHT = 64, 36
CAM2IMG = [[50.0, 0, 32], [0, 50, 18], [0, 0, 1]]
CAMERA_YAW = dict(zip(CAMERAS, np.deg2rad([0, -55, 55, 180, 110, -110]), strict=True))
# Columns are the camera's axes in an ego frame that looks along x.
LOOK_AHEAD = Quaternion(matrix=np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]))
KEY_TIMES = {"scene-0061": (0.0, 0.5), "scene-0103": (9.0,)}
SPEED = 8.0
CAR_SPEED = 2.0


def _ego(time: float) -> dict:
    turn = Quaternion(axis=[0, 0, 1], radians=0.2 * time)
    return {"translation": [600 + SPEED * time, 900, 0], "rotation": list(turn)}


class _Tables:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: dict[str, list[dict]] = {}

    def add(self, table: str, token: str, **row) -> str:
        self.rows.setdefault(table, []).append({"token": token, **row})
        return token

    def record(self, sample: str, channel: str, time: float, folder: str = "samples") -> str:
        """One file of sensor data with its rows."""
        camera = channel in CAMERAS
        token = f"{folder}-{channel}-{time}"
        name = f"{folder}/{channel}/{token}.{'jpg' if camera else 'pcd.bin'}"
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if camera:
            Image.new("RGB", (WIDTH, HEIGHT), "gray").save(path)
        else:
            np.array([[0, 12, -1, 7, 0], [30, 1, 0, 7, 1]], dtype=np.float32).tofile(path)
        ego = self.add("ego_pose", f"ego-{token}", timestamp=int(time * 1e6), **_ego(time))
        return self.add(
            "sample_data",
            token,
            sample_token=sample,
            ego_pose_token=ego,
            calibrated_sensor_token=f"calib-{channel}",
            timestamp=int(time * 1e6),
            fileformat="jpg" if camera else "pcd",
            is_key_frame=folder == "samples",
            height=HEIGHT if camera else 0,
            width=WIDTH if camera else 0,
            filename=name,
            prev="",
            next="",
        )

    def annotate(self, sample: str, name: str, category: str, at: list, **row) -> str:
        token = f"ann-{name}-{sample}"
        instance = f"instance-{name}"
        if all(r["token"] != instance for r in self.rows.get("instance", ())):
            self.add("instance", instance, category_token=category)
        default = {
            "visibility_token": "4",
            "attribute_tokens": [],
            "size": [2.0, 4.0, 1.5],
            "rotation": [1, 0, 0, 0],
            "prev": "",
            "next": "",
            "num_lidar_pts": 3,
            "num_radar_pts": 0,
        }
        return self.add(
            "sample_annotation",
            token,
            sample_token=sample,
            instance_token=instance,
            translation=at,
            **{**default, **row},
        )

    def write(self, version: str) -> None:
        (self.root / version).mkdir()
        for table, rows in self.rows.items():
            (self.root / version / f"{table}.json").write_text(json.dumps(rows))


def _write_dataroot(root: Path) -> Path:
    tables = _Tables(root)
    (root / "maps").mkdir(parents=True)
    Image.new("L", (8, 8)).save(root / "maps" / "blank.png")
    tables.add("log", "log", logfile="", vehicle="", date_captured="", location="")
    tables.add("map", "map", category="", filename="maps/blank.png", log_tokens=["log"])
    tables.add("visibility", "4", level="v80-100", description="")
    tables.add("attribute", "parked", name="vehicle.parked", description="")
    for category in ("vehicle.car", "animal", "human.pedestrian.adult"):
        tables.add("category", category, name=category, description="")
    for channel in ("LIDAR_TOP", *CAMERAS):
        camera = channel in CAMERAS
        tables.add("sensor", channel, channel=channel, modality="camera" if camera else "lidar")
        turn = Quaternion(axis=[0, 0, 1], radians=CAMERA_YAW.get(channel, -np.pi / 2))
        tables.add(
            "calibrated_sensor",
            f"calib-{channel}",
            sensor_token=channel,
            translation=[1.0, 0, 1.6],
            rotation=list(turn * LOOK_AHEAD if camera else turn),
            camera_intrinsic=CAM2IMG if camera else [],
        )
    for scene, times in KEY_TIMES.items():
        samples = [f"{scene}-{i}" for i in range(len(times))]
        tables.add(
            "scene",
            scene,
            log_token="log",
            nbr_samples=len(times),
            first_sample_token=samples[0],
            last_sample_token=samples[-1],
            name=scene,
            description="",
        )
        for sample, time in zip(samples, times, strict=True):
            tables.add(
                "sample", sample, timestamp=int(time * 1e6), prev="", next="", scene_token=scene
            )
            tables.record(sample, "LIDAR_TOP", time)
            for i, camera in enumerate(CAMERAS):
                tables.record(sample, camera, time - 0.01 * (i + 1))

    # The second keyframe of the first scene has one sweep before it.
    sweep = tables.record("scene-0061-1", "LIDAR_TOP", 0.4, folder="sweeps")
    tables.rows["sample_data"][7]["prev"] = sweep

    for i, (sample, time) in enumerate(
        zip(("scene-0061-0", "scene-0061-1"), (0, 0.5), strict=True)
    ):
        other = f"ann-car-scene-0061-{1 - i}"
        tables.annotate(
            sample,
            "car",
            "vehicle.car",
            [615 + CAR_SPEED * time, 900, 0.75],
            attribute_tokens=["parked"],
            **{"next" if i == 0 else "prev": other},
        )
    tables.annotate("scene-0061-0", "dog", "animal", [620, 901, 0.5], size=[0.5, 1, 0.7])
    tables.annotate(
        "scene-0061-0",
        "ghost",
        "human.pedestrian.adult",
        [610, 900, 0.9],
        size=[0.6, 0.6, 1.8],
        visibility_token="",
        num_lidar_pts=0,
    )
    tables.write("v1.0-mini")
    return root


@pytest.fixture
def fake_root(tmp_path: Path) -> Path:
    """A v1.0-mini dataroot: scene-0061 (two keyframes, one sweep) and scene-0103 (one, empty).

    In the first keyframe the front camera sees a car (15 m ahead of the vehicle, parked by name but
    moving at 2 m/s), a dog and a pedestrian without any point and of unknown visibility.
    """
    return _write_dataroot(tmp_path / "nuscenes")


@pytest.fixture(scope="session")
def keyframe_infos(keyframe_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Info file of the real keyframe."""
    out = tmp_path_factory.mktemp("keyframe_infos")
    train, _ = create_nuscenes_infos(keyframe_root, "v1.0-mini", out)
    return train.path
