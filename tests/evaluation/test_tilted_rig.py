"""Truth of a rig whose cameras are pitched by 12 degrees, through info file and metric."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from mmdet3d.utils import register_all_modules
from mmengine.registry import init_default_scope
from pyquaternion import Quaternion
from true_boxes import data_sample

from epropnp_det.datasets import NuScenesMonoDataset, create_nuscenes_infos
from epropnp_det.datasets.nuscenes_names import ATTRIBUTES, CLASSES
from epropnp_det.datasets.transforms import LevelImage
from epropnp_det.evaluation import NuScenesMonoMetric
from epropnp_det.synthetic import Settings, generate

PITCH = 12.0


@pytest.fixture(scope="module")
def tilted_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tilted") / "data"
    generate(Settings(2, 2, 2, image_size=(192, 112)), root)
    path = root / "v1.0-mini" / "calibrated_sensor.json"
    rows = json.loads(path.read_text())
    for row in rows:
        if row["camera_intrinsic"]:
            pitched = Quaternion(row["rotation"]) * Quaternion(axis=[1, 0, 0], degrees=-PITCH)
            row["rotation"] = pitched.elements.tolist()
    path.write_text(json.dumps(rows))
    return root


def evaluated(root: Path, out: Path, level: bool) -> tuple[dict[str, float], list[dict]]:
    """Scores of the truth of what the images show, and the boxes in the global frame."""
    _, val = create_nuscenes_infos(root, "v1.0-mini", out, level=level)
    metric = NuScenesMonoMetric(
        str(root), str(val.path), visible_only=True, jsonfile_prefix=str(out / "submission")
    )
    metric.dataset_meta = {"classes": CLASSES}
    samples = []
    for frame in pickle.loads(val.path.read_bytes())["data_list"]:
        for i, found in enumerate(frame["cam_instances"].values()):
            instances = [x for x in found if x["bbox_3d_isvalid"]]
            boxes = np.array([x["bbox_3d"] + x["velocity"] for x in instances]).reshape(-1, 9)
            boxes[:, 1] += boxes[:, 4] / 2
            names = [CLASSES[x["bbox_label_3d"]] for x in instances]
            attributes = [(*ATTRIBUTES, "")[x["attr_label"]] for x in instances]
            samples.append(data_sample(6 * frame["sample_idx"] + i, boxes, names, attributes))
    metric.process({}, samples)
    scores = metric.evaluate(len(samples))
    result = json.loads((out / "submission/pred_instances_3d/results_nusc.json").read_text())
    boxes = [box for found in result["results"].values() for box in found]
    return {key.rsplit("/", 1)[-1]: value for key, value in scores.items()}, boxes


def lean(box: dict) -> float:
    """Of a box against the vertical, degrees."""
    up = Quaternion(box["rotation"]).rotation_matrix[:, 2]
    return float(np.degrees(np.arccos(np.clip(up[2], -1, 1))))


def present(scores: dict[str, float], error: str) -> float:
    """The largest error of the classes that are found."""
    found = [name for name in CLASSES if scores[f"{name}_AP_dist_0.5"] > 0]
    assert found
    return max(x for name in found if np.isfinite(x := scores[f"{name}_{error}"]))


def test_truth_comes_back_through_level_cameras(tilted_root, tmp_path):
    leaning, leaning_boxes = evaluated(tilted_root, tmp_path / "as it is", level=False)
    level, boxes = evaluated(tilted_root, tmp_path / "level", level=True)
    # Some cameras of the simulated rig are off by a degree, as real ones are.
    assert max(map(lean, leaning_boxes)) == pytest.approx(PITCH, abs=1.5)
    assert present(leaning, "vel_err") > 0.1
    assert max(map(lean, boxes)) < 1e-3
    assert present(level, "vel_err") < 2e-3
    for error in ("trans_err", "scale_err", "orient_err"):
        assert present(level, error) < 2e-3
    aps = np.round([level[f"{name}_AP_dist_0.5"] for name in CLASSES], 6)
    assert set(aps) <= {0.0, 1.0} and 1.0 in aps


def test_tilt_is_said_once(tilted_root, tmp_path):
    train, _ = create_nuscenes_infos(tilted_root, "v1.0-mini", tmp_path)
    (line,) = [line for line in str(train).splitlines() if "tilted" in line]
    assert re.search("CAM_BACK by 1[123], CAM_BACK_LEFT by 1[123], .*--level", line)
    train, _ = create_nuscenes_infos(tilted_root, "v1.0-mini", tmp_path, level=True)
    assert "tilted" not in str(train)


def test_data_set_turns_the_images_behind_the_loader(tilted_root, tmp_path):
    register_all_modules(init_default_scope=False)
    init_default_scope("mmdet3d")
    train, _ = create_nuscenes_infos(tilted_root, "v1.0-mini", tmp_path, level=True)
    steps = [
        {"type": "LoadImageFromFileMono3D"},
        {"type": "CropTopRows", "rows": 28},
        {"type": "Pack3DDetInputs", "keys": ["img"]},
    ]
    data = NuScenesMonoDataset(str(tilted_root), str(train.path), pipeline=steps)
    assert [type(step).__name__ for step in data.pipeline.transforms][:3] == [
        "LoadImageFromFileMono3D",
        "LevelImage",
        "CropTopRows",
    ]
    assert data[0]["inputs"]["img"].shape == (3, 84, 192)
    # One that stands there already is enough.
    steps.insert(1, {"type": "LevelImage"})
    data = NuScenesMonoDataset(str(tilted_root), str(train.path), pipeline=steps)
    assert sum(isinstance(step, LevelImage) for step in data.pipeline.transforms) == 1
