"""A nuScenes dataroot without images: level cameras, two scenes, objects around the vehicle."""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from nuscenes.utils.data_classes import Box
from nuscenes.utils.geometry_utils import transform_matrix
from pyquaternion import Quaternion
from true_boxes import HALF_VIEW, data_sample, in_camera

from epropnp_det.datasets.nuscenes_names import ATTRIBUTES, CAMERAS

HEADINGS = dict(zip(CAMERAS, (0, -55, 55, 180, 110, -110), strict=True))
# class, attribute, width, length, height, distance (m) and bearing (degrees) from the vehicle;
# the first car stands where the front and the front left camera both see it.
OBJECTS = (
    ("car", "vehicle.parked", 1.9, 4.5, 1.6, 20.0, 28.0),
    ("car", "vehicle.moving", 2.0, 4.8, 1.5, 30.0, -5.0),
    ("truck", "vehicle.stopped", 2.6, 8.0, 3.1, 40.0, 170.0),
    ("pedestrian", "pedestrian.standing", 0.6, 0.7, 1.8, 12.0, -60.0),
    ("pedestrian", "pedestrian.moving", 0.6, 0.7, 1.7, 15.0, 100.0),
    ("bicycle", "cycle.with_rider", 0.6, 1.7, 1.3, 18.0, -100.0),
    ("traffic_cone", "", 0.4, 0.4, 0.9, 10.0, 45.0),
    ("barrier", "", 2.2, 0.5, 1.0, 14.0, -20.0),
)
CATEGORIES = {
    "car": "vehicle.car",
    "truck": "vehicle.truck",
    "pedestrian": "human.pedestrian.adult",
    "bicycle": "vehicle.bicycle",
    "traffic_cone": "movable_object.trafficcone",
    "barrier": "movable_object.barrier",
}
# Scenes that the devkit's splits name: mini_val (and val), mini_train, test.
SCENES = {"v1.0-mini": ("scene-0103", "scene-0061"), "v1.0-test": ("scene-0077",)}
SAMPLES_PER_SCENE = 2


@dataclass(frozen=True)
class TinyRoot:
    """A dataroot, an info file for every scene, and its ground truth."""

    root: Path
    version: str
    truth: dict[str, list[tuple[str, str, Box]]]

    def ann_file(self, scene: str) -> Path:
        return self.root / f"{scene}.pkl"

    def infos(self, scene: str) -> dict:
        return pickle.loads(self.ann_file(scene).read_bytes())

    def data_samples(self, scene: str, box_dim: int = 9) -> list[dict]:
        """Ground truth as predictions of every image, by the devkit's own box transforms."""
        return [
            data_sample(
                6 * frame["sample_idx"] + position,
                *in_camera(self.truth[frame["token"]], image, HALF_VIEW, box_dim),
            )
            for frame in self.infos(scene)["data_list"]
            for position, image in enumerate(frame["images"].values())
        ]


def planar_pose(x: float, y: float, degrees: float) -> dict:
    return {
        "translation": [x, y, 0.0],
        "rotation": Quaternion(axis=[0, 0, 1], degrees=degrees).elements.tolist(),
    }


def matrix(record: dict) -> list:
    return transform_matrix(record["translation"], Quaternion(record["rotation"])).tolist()


def write_root(root: Path, version: str, annotated: bool = True) -> TinyRoot:
    """Write tables and info files; every sensor of every sample has an ego pose of its own."""
    names = ("attribute", "visibility", "instance", "sample_data", "sample_annotation", "ego_pose")
    tables = {name: [] for name in names}
    tables["attribute"] = [{"token": name, "name": name} for name in ATTRIBUTES]
    tables["category"] = [{"token": name, "name": name} for name in CATEGORIES.values()]
    tables["sensor"] = [
        {"token": name, "channel": name, "modality": "camera" if name in CAMERAS else "lidar"}
        for name in (*CAMERAS, "LIDAR_TOP")
    ]
    upright = Quaternion(matrix=np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]))
    tables["calibrated_sensor"] = [
        {
            "token": name,
            "sensor_token": name,
            "translation": [1.0, 0.2, 1.5],
            "rotation": (Quaternion(axis=[0, 0, 1], degrees=heading) * upright).elements.tolist(),
        }
        for name, heading in (HEADINGS | {"LIDAR_TOP": 0}).items()
    ]
    tables["log"] = [{"token": "log"}]
    tables["map"] = [{"token": "map", "log_tokens": ["log"], "filename": "maps/blank.png"}]
    tables["scene"] = [
        {"token": name, "name": name, "log_token": "log"} for name in SCENES[version]
    ]
    tables["sample"] = []
    rigs = {record["token"]: matrix(record) for record in tables["calibrated_sensor"]}
    truth = {}
    for scene in SCENES[version]:
        frames = []
        for index in range(SAMPLES_PER_SCENE):
            token = f"{scene}-{index}"
            tables["sample"].append({"token": token, "scene_token": scene, "timestamp": index})
            poses = {}
            for delay, sensor in enumerate((*CAMERAS, "LIDAR_TOP")):
                data = f"{token}-{sensor}"
                poses[sensor] = planar_pose(1000 + 0.1 * delay, 600 + 5 * index, 30 + 0.1 * delay)
                tables["ego_pose"].append({"token": data, "timestamp": 0, **poses[sensor]})
                tables["sample_data"].append(
                    {
                        "token": data,
                        "sample_token": token,
                        "ego_pose_token": data,
                        "calibrated_sensor_token": sensor,
                        "is_key_frame": True,
                    }
                )
            truth[token] = objects_around(poses["LIDAR_TOP"])
            if annotated:
                add_annotations(tables, token, truth[token])
            images = {
                name: {
                    "cam2ego": rigs[name],
                    "ego2global": matrix(poses[name]),
                    "sample_data_token": f"{token}-{name}",
                }
                for name in CAMERAS
            }
            lidar = matrix(poses["LIDAR_TOP"])
            frames.append(
                {"sample_idx": index, "token": token, "images": images, "ego2global": lidar}
            )
        content = {"metainfo": {"version": version}, "data_list": frames}
        (root / f"{scene}.pkl").write_bytes(pickle.dumps(content))
    (root / version).mkdir()
    for name, records in tables.items():
        (root / version / f"{name}.json").write_text(json.dumps(records))
    (root / "maps").mkdir()
    (root / "maps" / "blank.png").touch()
    return TinyRoot(root, version, truth)


def objects_around(ego: dict) -> list[tuple[str, str, Box]]:
    """Class, attribute and global box of every object."""
    found = []
    for index, (name, attribute, *size, distance, bearing) in enumerate(OBJECTS):
        angle = np.radians(bearing)
        box = Box(
            [distance * np.cos(angle), distance * np.sin(angle), size[2] / 2],
            size,
            Quaternion(axis=[0, 0, 1], radians=0.7 * index),
            velocity=(0.0, 0.0, 0.0),
        )
        box.rotate(Quaternion(ego["rotation"]))
        box.translate(np.array(ego["translation"]))
        found.append((name, attribute, box))
    return found


def add_annotations(tables: dict, sample: str, objects: list[tuple[str, str, Box]]) -> None:
    for index, (name, attribute, box) in enumerate(objects):
        token = f"{sample}-{index}"
        tables["instance"].append({"token": token, "category_token": CATEGORIES[name]})
        tables["sample_annotation"].append(
            {
                "token": token,
                "sample_token": sample,
                "instance_token": token,
                "attribute_tokens": [attribute] if attribute else [],
                "translation": box.center.tolist(),
                "size": box.wlh.tolist(),
                "rotation": box.orientation.elements.tolist(),
                "num_lidar_pts": 5,
                "num_radar_pts": 0,
                "prev": "",
                "next": "",
            }
        )


@pytest.fixture
def tiny_root(tmp_path) -> TinyRoot:
    return write_root(tmp_path, "v1.0-mini")


@pytest.fixture
def unannotated_root(tmp_path) -> TinyRoot:
    """A test set: samples, no annotations."""
    return write_root(tmp_path, "v1.0-test", annotated=False)


@pytest.fixture
def as_prediction():
    """Function that makes a data sample of boxes, classes, attributes and scores."""
    return data_sample
