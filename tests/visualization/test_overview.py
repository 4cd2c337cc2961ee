import numpy as np
import pytest
from matplotlib.image import imread
from nuscenes import NuScenes

from epropnp_det.synthetic import Settings, generate
from epropnp_det.visualization import save_overview
from epropnp_det.visualization.overview import ground_truth, predictions


@pytest.fixture(scope="module")
def nusc(tmp_path_factory):
    root = tmp_path_factory.mktemp("overview") / "data"
    generate(Settings(1, 1, 1, image_size=(64, 36)), root)
    return NuScenes("v1.0-mini", str(root), verbose=False)


def as_detections(nusc, sample):
    """The ground truth in the format of a submission, with falling scores."""
    return [
        {
            "translation": box.center.tolist(),
            "size": box.wlh.tolist(),
            "rotation": box.orientation.elements.tolist(),
            "detection_name": "car",
            "detection_score": 1 / (2 + i),
        }
        for i, box in enumerate(map(nusc.get_box, sample["anns"]))
    ]


def test_picture_is_written_whole(nusc, tmp_path):
    sample = nusc.sample[0]
    save_overview(tmp_path / "new" / "a.png", nusc, sample["token"], as_detections(nusc, sample))
    assert imread(tmp_path / "new" / "a.png").std() > 0.1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_picture_without_predictions(nusc, tmp_path):
    save_overview(tmp_path / "a.png", nusc, nusc.sample[0]["token"], [])
    assert (tmp_path / "a.png").stat().st_size


def test_predictions_are_the_best_ones_and_where_the_truth_is(nusc):
    sample = nusc.sample[0]
    detections = as_detections(nusc, sample)
    found = predictions(detections[::-1], min_score=0.2, max_boxes=100)
    assert found.scores.tolist() == [1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert len(predictions(detections, min_score=0.2, max_boxes=2)) == 2
    np.testing.assert_allclose(
        found.corners, [nusc.get_box(key).corners().T for key in sample["anns"][:4]], atol=1e-9
    )


def test_truth_is_what_the_devkit_evaluates(nusc):
    sample = nusc.sample[0]
    annotations = [nusc.get("sample_annotation", key) for key in sample["anns"]]
    truth = ground_truth(nusc, sample)
    assert len(truth) == sum(annotation["num_lidar_pts"] > 0 for annotation in annotations) > 0


def test_real_keyframe(keyframe_root, tmp_path):
    real = NuScenes("v1.0-mini", str(keyframe_root), verbose=False)
    sample = real.sample[0]
    save_overview(tmp_path / "a.png", real, sample["token"], as_detections(real, sample))
    assert imread(tmp_path / "a.png").std() > 0.1
