"""Detectors whose mistakes are known score what the nuScenes formulas say, on synthetic data."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.utils import category_to_detection_name

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.datasets.info_file import read_info_file
from epropnp_det.datasets.nuscenes_names import ATTRIBUTES, CLASSES
from epropnp_det.evaluation import NuScenesMonoMetric
from epropnp_det.synthetic import Settings, generate

THRESHOLDS = (0.5, 1.0, 2.0, 4.0)
ERRORS = ("mATE", "mASE", "mAOE", "mAVE", "mAAE")
RANGES = config_factory("detection_cvpr_2019").class_range
X, SIZE, YAW = 0, slice(3, 6), 6  # in the row of a box: x, y, z, l, h, w, yaw, vx, vz


@dataclass(frozen=True)
class Seen:
    """An object that the benchmark counts, as one image has it."""

    image: int
    name: str
    attribute: str
    row: np.ndarray
    camera_to_ego: np.ndarray  # to the frame of the ego car at the LiDAR's time

    def in_range(self, row: np.ndarray) -> bool:
        """Whether the benchmark counts the object with its box at ``row``."""
        x, y, _ = self.camera_to_ego[:3, :3] @ row[:3] + self.camera_to_ego[:3, 3]
        return np.hypot(x, y) < RANGES[self.name]


@dataclass(frozen=True)
class Truth:
    """The evaluated split and its objects."""

    root: Path
    images: int
    everywhere: list[Seen]  # once for each image that shows it
    once: list[Seen]
    counted: Counter  # objects a class


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> Truth:
    """A scene with all ten classes, several of each."""
    root = tmp_path_factory.mktemp("known") / "data"
    generate(Settings(1, 4, 4, seed=3, image_size=(64, 36)), root)
    create_nuscenes_infos(root, "v1.0-mini")
    frames = read_info_file(str(root / "nuscenes_infos_train.pkl"))["data_list"]
    everywhere, once = [], {}
    for frame in frames:
        to_ego = np.linalg.inv(frame["ego2global"])
        for position, (channel, image) in enumerate(frame["images"].items()):
            camera_to_ego = to_ego @ image["ego2global"] @ image["cam2ego"]
            for item in frame["cam_instances"][channel]:
                seen = Seen(
                    6 * frame["sample_idx"] + position,
                    CLASSES[item["bbox_label_3d"]],
                    (*ATTRIBUTES, "")[item["attr_label"]],
                    np.array(item["bbox_3d"] + item["velocity"]),
                    camera_to_ego,
                )
                if item["num_lidar_pts"] and seen.in_range(seen.row):
                    everywhere.append(seen)
                    once.setdefault(item["ann_token"], seen)
    counted, places = count(NuScenes("v1.0-mini", str(root), verbose=False))
    # What the tests below rest on: all classes are there, some image shows every object, and an
    # object that is half a metre off is still the nearest to its own truth.
    assert set(counted) == set(CLASSES)
    assert sum(counted.values()) == len(once) < len(everywhere)
    assert min(nearest(np.array(group)) for group in places.values() if len(group) > 1) > 1.1
    return Truth(root, 6 * len(frames), everywhere, list(once.values()), counted)


def count(nusc: NuScenes) -> tuple[Counter, dict]:
    """From the tables, how many objects are evaluated a class, and where, a class and sample."""
    places = defaultdict(list)
    for annotation in nusc.sample_annotation:
        sample = nusc.get("sample", annotation["sample_token"])
        lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
        ego = nusc.get("ego_pose", lidar["ego_pose_token"])["translation"]
        name = category_to_detection_name(annotation["category_name"])
        place = annotation["translation"][:2]
        if annotation["num_lidar_pts"] and np.hypot(*np.subtract(place, ego[:2])) < RANGES[name]:
            places[name, sample["token"]].append(place)
    counted = Counter()
    for (name, _), group in places.items():
        counted[name] += len(group)
    return counted, places


def nearest(places: np.ndarray) -> float:
    gaps = np.linalg.norm(places[:, None] - places, axis=-1)
    return gaps[~np.eye(len(places), dtype=bool)].min()


def score(truth: Truth, seen: list[Seen], rows: list[np.ndarray], as_prediction) -> dict:
    metric = NuScenesMonoMetric(
        str(truth.root), str(truth.root / "nuscenes_infos_train.pkl"), eval_set="mini_train"
    )
    metric.dataset_meta = {"classes": CLASSES}
    for image in range(truth.images):
        mine = [(s, row) for s, row in zip(seen, rows, strict=True) if s.image == image]
        boxes = np.array([row for _, row in mine]).reshape(-1, 9)
        boxes[:, 1] += boxes[:, 4] / 2  # gravity to bottom centre
        names, attributes = [s.name for s, _ in mine], [s.attribute for s, _ in mine]
        metric.process({}, [as_prediction(image, boxes, names, attributes)])
    prefix = "NuScenes metric/pred_instances_3d_NuScenes/"
    return {key.removeprefix(prefix): value for key, value in metric.evaluate(truth.images).items()}


def changed(truth: Truth, edit) -> list[np.ndarray]:
    rows = [seen.row.copy() for seen in truth.once]
    for row in rows:
        edit(row)
    return rows


def expected_precisions(truth: Truth, rows: list[np.ndarray]) -> dict[str, float]:
    """AP a class of boxes that all match: the precision is 1 up to the recall, 0 beyond.

    The benchmark averages it over recalls of 0.11, 0.12, ..., 1.
    """
    found = Counter(
        seen.name for seen, row in zip(truth.once, rows, strict=True) if seen.in_range(row)
    )
    recall = {name: found[name] / truth.counted[name] for name in CLASSES}
    return {name: max(0, int(100 * recall[name] + 1e-9) - 10) / 90 for name in CLASSES}


def detection_score(precision: float, **errors: float) -> float:
    """NDS, equation 3 of the nuScenes paper; errors that are not given are zero."""
    return (5 * precision + sum(1 - min(1, errors.get(name, 0)) for name in ERRORS)) / 10


def assert_scores(scores: dict, precisions: dict[float, dict], **errors: float) -> None:
    for threshold in THRESHOLDS:
        found = {name: scores[f"{name}_AP_dist_{threshold}"] for name in CLASSES}
        assert found == pytest.approx(precisions[threshold], abs=1e-6)
    mean = np.mean([list(precisions[threshold].values()) for threshold in THRESHOLDS])
    assert scores["mAP"] == pytest.approx(mean, abs=1e-6)
    for name in ERRORS:
        # Boxes of a camera are upright in the camera, which is not quite upright in the world.
        assert scores[name] == pytest.approx(errors.get(name, 0), abs=2e-3)
    assert scores["NDS"] == pytest.approx(detection_score(mean, **errors), abs=1e-3)


def test_perfect_detector_scores_one(truth, as_prediction):
    rows = [seen.row for seen in truth.everywhere]
    scores = score(truth, truth.everywhere, rows, as_prediction)
    assert scores["mAP"] == pytest.approx(1)
    assert scores["NDS"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("distance", [0.499, 0.501])
def test_half_a_metre_off(truth, as_prediction, distance):
    def edit(row):
        row[X] += distance

    rows = changed(truth, edit)
    precisions = dict.fromkeys(THRESHOLDS, expected_precisions(truth, rows))
    if distance > 0.5:
        precisions[0.5] = dict.fromkeys(CLASSES, 0)
    scores = score(truth, truth.once, rows, as_prediction)
    assert_scores(scores, precisions, mATE=distance)


def test_turned_by_a_fifth_of_a_radian(truth, as_prediction):
    def edit(row):
        row[YAW] += 0.2

    rows = changed(truth, edit)
    precisions = dict.fromkeys(THRESHOLDS, dict.fromkeys(CLASSES, 1))
    scores = score(truth, truth.once, rows, as_prediction)
    assert_scores(scores, precisions, mAOE=0.2)
    assert np.isnan(scores["traffic_cone_orient_err"])


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_tenth_too_small_or_too_large(truth, as_prediction, factor):
    def edit(row):
        row[SIZE] *= factor

    rows = changed(truth, edit)
    precisions = dict.fromkeys(THRESHOLDS, dict.fromkeys(CLASSES, 1))
    # Of two boxes with one centre and heading, the smaller is the intersection.
    overlap = min(factor, 1 / factor) ** 3
    scores = score(truth, truth.once, rows, as_prediction)
    assert_scores(scores, precisions, mASE=1 - overlap)
    for name in CLASSES:
        assert scores[f"{name}_scale_err"] == pytest.approx(1 - overlap, abs=1e-4)
