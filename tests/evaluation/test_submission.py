import json

import numpy as np
import pytest

from epropnp_det.evaluation.geometry import camera_boxes_to_global
from epropnp_det.evaluation.submission import submission_boxes, write_submission


def entries(count: int, velocity: float = 1.0) -> list[dict]:
    rows = np.tile([1.0, 1, 9, 4, 1.5, 2, 0.1, velocity, velocity], (count, 1))
    boxes = camera_boxes_to_global(rows, np.eye(4))
    scores = np.full(count, 0.5, dtype=np.float32)
    return submission_boxes("token", boxes, ["car"] * count, scores, ["vehicle.parked"] * count)


def test_meta_names_the_five_sensors(tmp_path):
    path = tmp_path / "new" / "results_nusc.json"
    write_submission(path, {"token": entries(1), "other": []}, {"use_camera": True}, 500)
    content = json.loads(path.read_text())
    assert content["meta"] == {
        "use_camera": True,
        "use_lidar": False,
        "use_radar": False,
        "use_map": False,
        "use_external": False,
    }
    assert content["results"]["other"] == []
    assert content["results"]["token"][0]["size"] == [2.0, 4.0, 1.5]


def test_unknown_velocity_is_given_as_zero():
    assert entries(1, np.nan)[0]["velocity"] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ({"token": entries(501)}, AssertionError),
        ({"token": [entries(1)[0] | {"detection_name": "cow"}]}, AssertionError),
        ({"token": [entries(1)[0] | {"detection_score": float("nan")}]}, ValueError),
    ],
)
def test_refused_submission_leaves_the_old_one(tmp_path, results, error):
    path = tmp_path / "results_nusc.json"
    path.write_text("old")
    with pytest.raises(error):
        write_submission(path, results, {}, 500)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
