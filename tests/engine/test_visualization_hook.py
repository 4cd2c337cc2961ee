"""Boxes painted where the network saw them."""

from types import SimpleNamespace

import mmcv
import numpy as np
import pytest
import torch
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmdet3d.visualization import Det3DLocalVisualizer
from mmengine.structures import InstanceData

from epropnp_det.engine import NetworkInputVisualizationHook


@pytest.fixture
def hook(tmp_path) -> NetworkInputVisualizationHook:
    Det3DLocalVisualizer.get_instance("visualization_hook_test")
    return NetworkInputVisualizationHook(
        draw=True, score_thr=0.5, test_out_dir=str(tmp_path / "painted")
    )


def batch(path: str) -> tuple[dict, Det3DDataSample]:
    """A grey image of 60 x 80 pixels with a box of 2 m, 20 m ahead, at pixel (50, 20)."""
    boxes = CameraInstance3DBoxes([[2.0, 0.0, 20.0, 2, 2, 2, 0]], origin=(0.5, 0.5, 0.5))
    metainfo = {
        "img_path": path,  # the file is not there, and has other pixels than the network's input
        "cam2img": np.array([[100.0, 0, 40], [0, 100, 20], [0, 0, 1]]),
    }
    sample = Det3DDataSample(metainfo=metainfo)
    sample.pred_instances_3d = InstanceData(
        bboxes_3d=boxes, scores_3d=torch.tensor([0.9]), labels_3d=torch.tensor([0])
    )
    return {"inputs": {"img": [torch.full((3, 60, 80), 128, dtype=torch.uint8)]}}, sample


def test_boxes_lie_on_the_network_input(hook, tmp_path):
    runner = SimpleNamespace(work_dir=str(tmp_path), timestamp="now")
    for index, name in enumerate(["a.png", "b.png"]):
        data, sample = batch(f"absent/{name}")
        hook.after_test_iter(runner, index, data, [sample])
    assert sorted(p.name for p in (tmp_path / "painted").iterdir()) == ["a.png", "b.png"]
    image = mmcv.imread(tmp_path / "painted/b.png").astype(int)
    assert image.shape == (60, 80, 3)
    rows, columns = np.nonzero((abs(image - 128) > 30).any(-1))
    # The near face spans 2 m * 100 / 19 m = 10.5 pixels; lines are a few pixels thick.
    assert (rows.min() + rows.max()) / 2 == pytest.approx(20, abs=2)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(50, abs=2)
    assert 9 < np.ptp(rows) < 18


class Frames:
    """A data set of images, six cameras with files of equal names."""

    paths = tuple(f"/data/{camera}/{i}.png" for camera in "ABCDEF" for i in range(2))

    def __len__(self) -> int:
        return len(self.paths)

    def get_data_info(self, index: int) -> dict:
        return {"images": {"CAM": {"img_path": self.paths[index]}, "CAM0": {}}}


def test_images_of_one_name_get_a_picture_each(hook, tmp_path):
    hook.explain = False
    loader = SimpleNamespace(dataset=Frames())
    hook.before_test(SimpleNamespace(test_dataloader=loader, model=torch.nn.Identity()))
    for index, path in enumerate(Frames.paths):
        data, sample = batch(path)
        hook.after_test_iter(None, index, data, [sample])
    painted = sorted(p.name for p in (tmp_path / "painted").iterdir())
    assert painted == [f"{camera}_{i}.png" for camera in "ABCDEF" for i in range(2)]


def test_first_view_is_painted(hook, tmp_path):
    data, sample = batch("absent/a.png")
    black = {"img": [torch.zeros_like(data["inputs"]["img"][0])]}
    hook.after_test_iter(None, 0, {"inputs": [data["inputs"], black]}, [sample])
    image = mmcv.imread(tmp_path / "painted/a.png").astype(int)
    assert np.median(image) == pytest.approx(128, abs=5)


def test_nothing_is_painted_unasked(hook, tmp_path):
    hook.draw = False
    data, sample = batch("absent/a.png")
    hook.after_test_iter(None, 0, data, [sample])
    assert not (tmp_path / "painted").exists()
