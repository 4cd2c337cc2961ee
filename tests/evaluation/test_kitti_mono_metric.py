"""KITTI's stock metric on predictions of camera 2."""

import pickle
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from kitti_layout import CLASSES, OFFSET, write_kitti
from mmdet3d.structures import CameraInstance3DBoxes

from epropnp_det.datasets import KittiMonoDataset, create_kitti_infos
from epropnp_det.errors import UserError
from epropnp_det.evaluation import KittiMonoMetric
from epropnp_det.evaluation.kitti_mono_metric import bev_overlap, box_overlap

LEVELS = ("easy", "moderate", "hard")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    # KITTI takes the precision at 40 recalls, for which it needs as many objects.
    root = write_kitti(tmp_path_factory.mktemp("kitti"), 0, 6)
    create_kitti_infos(root)
    return root


def score(
    root: Path, info_file: Path, move: np.ndarray, classes: Sequence[str] = tuple(CLASSES)
) -> dict[str, float]:
    """Score the ground truth of an info file, moved by some metres."""
    dataset = KittiMonoDataset(
        str(root), str(info_file), test_mode=True, metainfo=dict(classes=tuple(classes))
    )
    metric = KittiMonoMetric(str(info_file))
    metric.dataset_meta = dataset.metainfo
    random = torch.Generator().manual_seed(0)
    for item in dataset:
        truth = item["eval_ann_info"]
        boxes = truth["gt_bboxes_3d"].clone()
        boxes.translate(boxes.tensor.new_tensor(move))
        found = dict(
            bboxes_3d=boxes,
            labels_3d=torch.from_numpy(truth["gt_labels_3d"]),
            scores_3d=torch.rand(len(boxes), generator=random),
        )
        sample = dict(pred_instances_3d=found, pred_instances={}, sample_idx=item["sample_idx"])
        metric.process({}, [sample])
    scores = metric.evaluate(len(dataset))
    prefix = f"{metric.prefix or metric.default_prefix}/"
    assert {f"{prefix}{name}" for name in metric.score_names.higher} <= scores.keys()
    return scores


@pytest.fixture(scope="module")
def evaluate(root) -> Callable[[np.ndarray], dict[str, float]]:
    """Function that scores the ground truth of the dataset, moved by some metres."""
    return partial(score, root, root / "kitti_infos_val.pkl")


def scores_of(found: dict[str, float], kind: str) -> list[float]:
    prefix = "Kitti metric/pred_instances_3d/KITTI"
    return [
        found[f"{prefix}/{name}_{kind}_AP40_{level}_strict"] for name in CLASSES for level in LEVELS
    ]


def test_ground_truth_is_perfect(evaluate):
    found = evaluate(np.zeros(3))
    for kind in ("3D", "BEV", "2D"):
        np.testing.assert_allclose(scores_of(found, kind), 100, atol=1e-3)


def test_displaced_boxes_are_not(evaluate):
    """As far off as boxes are whose place in camera 2 was taken for that in camera 0."""
    found = evaluate(OFFSET)
    assert max(scores_of(found, "3D")) < 50


@pytest.mark.parametrize("empty", [(0,), (0, 1, 7), (4,)])
def test_images_without_labels(root, tmp_path, empty):
    """First, in between and last; the others are scored as without them."""
    content = pickle.loads((root / "kitti_infos_val.pkl").read_bytes())
    frames = content["data_list"]
    for place in empty:
        frames.insert(place, {**frames[-1], "instances": []})
    path = tmp_path / "infos.pkl"
    path.write_bytes(pickle.dumps(content))
    found = score(root, path, np.zeros(3))
    for kind in ("3D", "BEV", "2D"):
        np.testing.assert_allclose(scores_of(found, kind), 100, atol=1e-3)


def test_camera_alone(tmp_path):
    root = write_kitti(tmp_path / "kitti", 0, 6)
    for path in (root / "training/calib").iterdir():
        path.write_text(next(line for line in path.open() if line.startswith("P2")))
    (path,) = create_kitti_infos(root)
    np.testing.assert_allclose(scores_of(score(root, path, np.zeros(3)), "3D"), 100, atol=1e-3)


def test_classes_that_are_not_evaluated(root):
    """Those that the stock evaluation stumbles over have no share in the overall scores."""
    classes = ("Van", "Truck", *CLASSES)
    found = score(root, root / "kitti_infos_val.pkl", np.zeros(3), classes)
    assert found["Kitti metric/pred_instances_3d/KITTI/Overall_3D_AP40_moderate"] > 99
    assert not [name for name in found if "Van" in name or "Truck" in name]


@pytest.mark.parametrize(
    ("classes", "left", "said"),
    [
        (("Van", "Tram"), 26, "KITTI evaluates Car, Pedestrian, Cyclist, and metainfo.classes has"),
        (("Car", "Van"), 16, "has no object to compare with, no Car: set ann_file to"),
        (("Car", "Cyclist"), 0, "has no object to compare with, no Car or Cyclist: set ann_file"),
    ],
)
def test_nothing_to_compare_with(root, tmp_path, classes, left, said):
    content = pickle.loads((root / "kitti_infos_val.pkl").read_bytes())
    for frame in content["data_list"]:
        frame["instances"] = frame["instances"][:left] + frame["instances"][24:]
    path = tmp_path / "infos.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=said):
        KittiMonoMetric(str(path)).dataset_meta = dict(classes=classes)


def random_boxes(num: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    place, size = rng.uniform(-1, 1, (num, 3)), rng.uniform(1, 4, (num, 3))
    return np.column_stack([place, size, rng.uniform(-4, 4, num)])


def test_overlap_of_boxes_with_random_points():
    boxes, others = random_boxes(4), random_boxes(9)[4:]
    points = np.random.default_rng(1).uniform(-7, 7, (400_000, 3))

    def inside(rows: np.ndarray) -> np.ndarray:
        x, y, z = (points[None, :, i] - rows[:, i, None] for i in range(3))
        length, height, width, yaw = (rows[:, i, None] for i in range(3, 7))
        along, across = np.cos(yaw) * x - np.sin(yaw) * z, np.sin(yaw) * x + np.cos(yaw) * z
        flat = (abs(along) < length / 2) & (abs(across) < width / 2)
        return flat & (y < 0) & (y > -height)

    a, b = inside(boxes).astype(float), inside(others).astype(float)
    common = a @ b.T
    expected = common / (a.sum(1)[:, None] + b.sum(1) - common)
    assert (expected > 0.02).sum() > 5
    np.testing.assert_allclose(box_overlap(boxes, others), expected, atol=0.02)


def test_overlap_of_footprints():
    square = np.array([[3.0, 5, 2, 2, 0]])
    turned = np.array([[3.0, 5, 2, 2, np.pi / 4]])
    common = 8 * (np.sqrt(2) - 1)  # a regular octagon of height 2
    np.testing.assert_allclose(bev_overlap(square, turned), [[common / (8 - common)]])
    half = square + [1.0, 0, 0, 0, 0]
    np.testing.assert_allclose(bev_overlap(square, half), [[1 / 3]])
    assert bev_overlap(square, square + [9.0, 0, 0, 0, 0]).item() == 0
    assert bev_overlap(square[:0], turned).shape == (0, 1)
    assert box_overlap(random_boxes(2), random_boxes(0)).shape == (2, 0)


def test_heading_of_footprints_is_mmdet3ds():
    """Corners of camera boxes and footprints agree in the sense of rotation."""
    boxes = random_boxes(5)
    corners = CameraInstance3DBoxes(boxes).corners[:, :, [0, 2]].numpy()
    centers = corners.mean(1)
    along = (corners[:, 4] - corners[:, 0]) / boxes[:, 3:4]
    probe = np.column_stack([centers + along * 0.49 * boxes[:, 3:4], np.full((5, 2), 1e-3)])
    probe = np.column_stack([probe, np.zeros(5)])
    overlap = np.diag(bev_overlap(boxes[:, [0, 2, 3, 5, 6]], probe))
    np.testing.assert_allclose(overlap, 1e-6 / (boxes[:, 3] * boxes[:, 5]), rtol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the stock overlap needs a GPU")
def test_overlaps_are_those_of_the_stock_kernel():
    from mmdet3d.evaluation.functional.kitti_utils.rotate_iou import rotate_iou_gpu_eval

    rows = random_boxes(20)[:, [0, 2, 3, 5, 6]]
    np.testing.assert_allclose(bev_overlap(rows, rows), rotate_iou_gpu_eval(rows, rows), atol=1e-3)
