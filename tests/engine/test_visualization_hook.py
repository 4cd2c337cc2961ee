"""Boxes painted where the network saw them."""

from types import SimpleNamespace

import mmcv
import numpy as np
import pytest
import torch
from bop_layout import CAM2IMG, write_bop
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmdet3d.visualization import Det3DLocalVisualizer
from mmengine.structures import InstanceData

from epropnp_det.datasets import BOPDataset
from epropnp_det.engine import NetworkInputVisualizationHook
from epropnp_det.structures import ObjectPoseSample
from epropnp_det.visualization import EProPnPVisualizer


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


def crop(image: str, obj_id: int, **changes) -> ObjectPoseSample:
    """Of an object half a metre ahead, predicted where it is."""
    metainfo = dict(
        scene_id=1,
        im_id=10,
        obj_id=obj_id,
        label=0,
        score=0.9,
        img_path=image,
        cam2img=CAM2IMG,
        crop_center=np.array([48.0, 36.0]),
        crop_size=40.0,
        half_size=np.ones(3),
    )
    pose = torch.tensor([0.0, 0, 0.5, 1, 0, 0, 0])
    sample = ObjectPoseSample(metainfo=metainfo)
    fields = dict(pred_pose=pose, pred_cov=torch.eye(6) * 1e-6, pred_cost=1.0, pred_score=0.9)
    sample.set_data({**fields, "gt_pose": pose, "pred_valid": True, **changes})
    return sample


def test_poses_of_known_objects_are_painted_on_the_stored_image(tmp_path):
    """Each crop has a picture; outlines are there of objects that have a model."""
    root = write_bop(tmp_path / "boxes")
    image = str(root / "train/000001/rgb/000010.png")
    visualizer = EProPnPVisualizer.get_instance("poses_painted")
    visualizer.dataset_meta = {"classes": ("ape", "duck")}
    hook = NetworkInputVisualizationHook(draw=True, test_out_dir=str(tmp_path / "painted"))
    drawn = []
    show = visualizer.add_datasample
    hook._visualizer = SimpleNamespace(
        add_datasample=lambda *args, **kwargs: (
            drawn.append({**args[1], **kwargs}),
            show(*args, **kwargs),
        )
    )
    dataset = BOPDataset(str(root), "train", objects=[1, 5])
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=dataset), model=torch.nn.Identity()
    )
    hook.before_test(runner)
    samples = [crop(image, 5), crop(image, 1), crop(image, 5), crop(image, 7)]
    hook.after_test_iter(runner, 0, {"inputs": [torch.zeros(3, 8, 8)] * 3}, samples[:3])
    hook.after_test_iter(runner, 1, {"inputs": [torch.zeros(3, 8, 8)]}, samples[3:])
    hook.after_test(runner)
    names = sorted(path.name for path in (tmp_path / "painted").iterdir())
    base = "000001_000010_obj_00000"
    assert names == [f"{base}1.png", f"{base}5.png", f"{base}5_2.png", f"{base}7.png"]
    assert all(mmcv.imread(tmp_path / "painted" / name).shape[1] == 1600 for name in names)
    assert [each["object_model"] and each["object_model"].obj_id for each in drawn] == [
        5,
        1,
        5,
        None,
    ]
    stored = mmcv.imread(image, channel_order="rgb")
    assert all(np.array_equal(each["img"], stored) and each["draw_gt"] for each in drawn)
