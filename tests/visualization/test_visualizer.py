"""The pictures through mmengine's visualizer."""

import mmcv
import numpy as np
import pytest
import torch
from mmdet3d.registry import VISUALIZERS
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmengine.structures import InstanceData

from epropnp_det.visualization import EProPnPVisualizer, sample_pages

CROPPED = np.array([[100.0, 0, 40], [0, 100, 20], [0, 0, 1]])
STORED = np.array([[100.0, 0, 40], [0, 100, 50], [0, 0, 1]])
CLASSES = ("car", "pedestrian")


@pytest.fixture
def visualizer(tmp_path) -> EProPnPVisualizer:
    made = VISUALIZERS.build(
        dict(
            type="EProPnPVisualizer",
            name=tmp_path.name,
            vis_backends=[dict(type="LocalVisBackend")],
            save_dir=str(tmp_path / "backend"),
        )
    )
    made.dataset_meta = {"classes": CLASSES}
    return made


@pytest.fixture
def sample() -> Det3DDataSample:
    """Two objects, one of low score, on a network input of 60 x 80 pixels without 30 top rows."""
    boxes = CameraInstance3DBoxes(
        [[2.0, 0.0, 20.0, 2, 2, 2, 0], [-2.0, 0.0, 20.0, 2, 2, 2, 0]], origin=(0.5, 0.5, 0.5)
    )
    metainfo = {"img_shape": (60, 80), "cam2img": CROPPED, "ori_cam2img": STORED}
    sample = Det3DDataSample(metainfo=metainfo)
    sample.pred_instances_3d = InstanceData(
        bboxes_3d=boxes, scores_3d=torch.tensor([0.9, 0.1]), labels_3d=torch.tensor([0, 1])
    )
    return sample


def explained(sample: Det3DDataSample) -> Det3DDataSample:
    """With all that a picture may show."""
    found = sample.pred_instances_3d
    found.pose_samples = torch.randn(2, 30, 4)
    found.pose_log_weights = torch.zeros(2, 30)
    found.x2d = torch.tensor([50.0, 20]) + torch.randn(2, 8, 2)
    found.x3d = torch.rand(2, 8, 3) - 0.5
    found.w2d = torch.rand(2, 8, 2)
    sample.num_heads = 2
    sample.center_heat = np.full((15, 20), 0.5)
    sample.depth_map = np.full((8, 10), 20.0)
    return sample


def input_image() -> torch.Tensor:
    return torch.full((3, 60, 80), 128, dtype=torch.uint8)


def test_each_picture_is_a_file(visualizer, sample, tmp_path):
    data = {"img": input_image()}
    visualizer.add_datasample("x", data, explained(sample), out_file=str(tmp_path / "o" / "a.jpg"))
    names = ["a.png", "a_correspondences.png", "a_depth.png", "a_heat.png"]
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == names
    assert all(mmcv.imread(path).shape[1] == 1600 for path in (tmp_path / "o").iterdir())
    assert not (tmp_path / "backend").exists()


def test_without_a_file_the_backends_get_the_pictures(visualizer, sample, tmp_path):
    visualizer.add_datasample("x", {"img": input_image()}, explained(sample), step=7)
    folder = tmp_path / "backend" / "vis_data" / "vis_image"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.png")}
    assert {"x_7.png", "x_correspondences_7.png", "x_depth_7.png", "x_heat_7.png"} == found


@pytest.mark.parametrize(("shape", "matrix"), [((60, 80), CROPPED), ((90, 80), STORED)])
def test_boxes_lie_right_on_the_network_input_and_on_the_stored_image(sample, shape, matrix):
    image = np.full((*shape, 3), 128, np.uint8)
    ((kind, page),) = sample_pages(image, sample, CLASSES)
    assert kind == ""
    ends = np.concatenate([np.concatenate(c.get_segments()) for c in page.axes[0].collections])
    corners = sample.pred_instances_3d.bboxes_3d.corners[0].numpy()
    pixels = (corners @ matrix.T)[:, :2] / corners[:, 2:]
    np.testing.assert_allclose(ends.min(0), pixels.min(0), atol=1e-3)
    np.testing.assert_allclose(ends.max(0), pixels.max(0), atol=1e-3)


def test_points_and_maps_follow_to_the_stored_image(sample):
    image = np.zeros((90, 80, 3), np.uint8)
    image[30:] = 200  # what the network saw
    pages = dict(sample_pages(image, explained(sample), CLASSES))
    (drawn,) = pages["correspondences"].axes[0].collections
    expected = sample.pred_instances_3d.x2d[0].numpy() + [0, 30]
    np.testing.assert_allclose(sorted(drawn.get_offsets()[:, 1]), sorted(expected[:, 1]), atol=1e-4)
    assert pages["depth"].axes[0].images[0].get_array().min() == 200


def test_scores_and_switches_choose_what_is_drawn(sample):
    image = np.full((60, 80, 3), 128, np.uint8)

    def patches(**switches):
        ((_, page),) = sample_pages(image, sample, CLASSES, **switches)
        return len(page.axes[1].patches)

    none = patches(draw_pred=False)
    assert patches() == none + 1 and patches(score_thr=0.05) == none + 2
    assert patches(score_thr=0.99) == none
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=sample.pred_instances_3d.bboxes_3d, labels_3d=torch.tensor([0, -1])
    )
    assert patches(draw_pred=False) == none + 2
    assert patches(draw_pred=False, draw_gt=False) == none


def test_other_tasks_are_the_stock_visualizers(visualizer, sample, monkeypatch):
    called = []
    monkeypatch.setattr(
        "mmdet3d.visualization.Det3DLocalVisualizer.add_datasample",
        lambda self, *args, **kwargs: called.append(args),
    )
    visualizer.add_datasample("x", {"points": None}, sample, vis_task="lidar_det")
    assert called[0][9] == "lidar_det"
