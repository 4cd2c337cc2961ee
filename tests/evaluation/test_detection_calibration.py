"""Levels of a detector's objects: which are compared, and with what."""

import cv2
import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmengine.structures import InstanceData

from epropnp_det.engine.config import load_config
from epropnp_det.errors import UserError
from epropnp_det.evaluation.calibration import PoseLevels, pose_levels
from epropnp_det.evaluation.detection_calibration import coverage_table, detection_levels
from epropnp_det.evaluation.reliability_plot import save_reliability_curves
from epropnp_det.models.batch import Views
from epropnp_det.models.pnp_heads import DeformPnPHead
from epropnp_det.models.pnp_heads.pose_posterior import posterior_fields
from epropnp_det.pnp import EProPnP, PerspectiveCamera
from epropnp_det.pnp.pose import rotate

MATRIX = torch.tensor([[900.0, 0, 400], [0, 900, 200], [0, 0, 1]])
SIZE = (400, 800)
DIMS = torch.tensor([4.5, 1.6, 1.9])


@pytest.fixture(scope="module")
def head(repo_root) -> DeformPnPHead:
    cfg = load_config(str(repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"))
    return MODELS.build(dict(cfg.model.bbox_head, test_cfg=cfg.model.test_cfg))


def boxes(pose: torch.Tensor) -> CameraInstance3DBoxes:
    rows = torch.cat([pose[:, :3], DIMS.expand(len(pose), 3), pose[:, 3:]], 1)
    return CameraInstance3DBoxes(rows, origin=(0.5, 0.5, 0.5))


def sample_of(head: DeformPnPHead, pose: torch.Tensor, labels, scores, truth, true_labels):
    """An image with detections at noisy versions of some poses (M, 4)."""
    num = len(pose)
    sample = Det3DDataSample(metainfo=dict(cam2img=MATRIX.numpy(), img_shape=SIZE))
    x3d = (torch.rand(num, 24, 3) - 0.5) * DIMS
    camera = PerspectiveCamera(MATRIX.expand(num, 3, 3))
    x2d = camera.project(rotate(pose, x3d) + pose[:, None, :3])
    x2d = x2d + torch.randn_like(x2d)
    found = InstanceData(x3d=x3d, x2d=x2d, w2d=torch.ones_like(x2d))
    views = Views.from_samples([sample], torch.device("cpu"))
    posterior = EProPnP(mc_samples=512)(head.problem(found, torch.zeros(num).long(), views))
    found.update(
        InstanceData(
            bboxes_3d=boxes(posterior.mode),
            scores_3d=torch.tensor(scores),
            labels_3d=torch.tensor(labels),
            **posterior_fields(posterior),
        )
    )
    sample.pred_instances_3d = found
    sample.eval_ann_info = dict(gt_bboxes_3d=boxes(truth), gt_labels_3d=np.array(true_labels))
    return sample


@pytest.fixture
def truth() -> torch.Tensor:
    return torch.tensor([[-4.0, 1, 15, 0.5], [0, 1, 20, -2], [6, 1, 25, 3]])


@pytest.fixture
def sample(head, truth):
    """Three objects in another order than their detections, one of which is of another class."""
    order = torch.tensor([2, 0, 1])
    return sample_of(head, truth[order], [0, 0, 1], [0.3, 0.9, 0.5], truth, [0, 0, 0])


def test_levels_of_the_matched_objects(head, sample, truth):
    levels, num_objects = detection_levels(head, [sample])
    assert num_objects == 3 and len(levels.pose) == 2
    found = sample.pred_instances_3d[torch.tensor([1, 0])]  # best first
    views = Views.from_samples([sample], torch.device("cpu"))
    expected = pose_levels(
        head.problem(found, torch.zeros(2).long(), views),
        found.pose_samples,
        found.pose_log_weights,
        truth[[0, 2]],
    )
    for level, other in zip(levels, expected, strict=True):
        torch.testing.assert_close(level, other, atol=2e-3, rtol=0)
    assert (levels.pose < 0.9999).all()


def test_honest_correspondences_have_honest_poses(head):
    """Noise of one pixel, weights of one per pixel, no outliers: nearly the assumed model."""
    depth = 10 + 20 * torch.rand(300)
    pose = torch.stack([0.2 * depth, 0.05 * depth, depth, 6 * torch.rand(300) - 3], 1)
    # A class of its own lets each object be matched with its own detection alone.
    labels = list(range(300))
    sample = sample_of(head, pose, labels, torch.rand(300).tolist(), pose, labels)
    levels, _ = detection_levels(head, [sample])
    assert len(levels.pose) > 290
    for column in levels:
        assert abs(column.mean() - 0.5) < 0.06


def test_scores_and_images(head, sample):
    once, _ = detection_levels(head, [sample])
    twice, num_objects = detection_levels(head, iter([sample, sample]))
    assert num_objects == 6
    torch.testing.assert_close(twice.pose, once.pose.repeat(2))
    best, num_objects = detection_levels(head, [sample], score_thr=0.8)
    assert num_objects == 3
    torch.testing.assert_close(best.pose, once.pose[:1])


def test_nothing_found_and_nothing_there(head, sample, truth):
    levels, num_objects = detection_levels(head, [sample], score_thr=1.1)
    assert num_objects == 3 and all(len(level) == 0 for level in levels)
    empty = sample_of(head, truth[:1], [0], [0.5], truth[:0], [])
    levels, num_objects = detection_levels(head, [empty])
    assert num_objects == 0 and all(len(level) == 0 for level in levels)
    levels, num_objects = detection_levels(head, [])
    assert num_objects == 0 and all(len(level) == 0 for level in levels)
    assert "0 of 0 objects found" in coverage_table(levels, 0)


def test_ground_truth_of_a_training_pipeline(head, sample):
    expected, _ = detection_levels(head, [sample])
    given = sample.eval_ann_info
    sample.eval_ann_info = None
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=given["gt_bboxes_3d"], labels_3d=torch.tensor(given["gt_labels_3d"])
    )
    levels, _ = detection_levels(head, [sample])
    torch.testing.assert_close(levels.pose, expected.pose)


def test_what_is_missing(head, sample):
    del sample.pred_instances_3d.pose_samples
    with pytest.raises(UserError, match="no pose_samples: set model.test_cfg.return_posterior"):
        detection_levels(head, [sample])
    sample.eval_ann_info = None
    with pytest.raises(UserError, match="no ground truth"):
        detection_levels(head, [sample])


def test_table_and_picture(tmp_path):
    levels = PoseLevels(*(((torch.arange(100) + 0.5) / 100) ** power for power in (1, 0.5, 2)))
    table = coverage_table(levels, 200).splitlines()
    assert table[0].startswith("100 of 200 objects")
    shares = {line.split()[0]: line.split()[1:] for line in table[2:]}
    assert shares["pose"] == ["50.0%", "80.0%", "95.0%"]
    assert shares["depth"][0] == "25.0%" and shares["yaw"][0] == "71.0%"
    for number, some in enumerate((levels, PoseLevels(*[torch.zeros(0)] * 3))):
        save_reliability_curves(tmp_path / f"{number}.png", some)
        assert cv2.imread(str(tmp_path / f"{number}.png")).std() > 5
