import numpy as np
import pytest
import torch
from matplotlib.image import imread
from mmdet3d.structures import CameraInstance3DBoxes
from random_network import CAM2IMG

from epropnp_det.apis.pictures import entry_boxes, save_picture


def entry(*names: str) -> dict:
    box = dict(score=0.8, center=[1.0, 0.5, 12.0], size=[4.0, 1.5, 2.0], yaw=0.7)
    return dict(cam2img=CAM2IMG.tolist(), boxes=[dict(box, name=name) for name in names])


def test_corners_are_those_of_mmdet3d():
    boxes = entry_boxes(entry("car"))
    theirs = CameraInstance3DBoxes(
        torch.tensor([[1.0, 0.5, 12, 4, 1.5, 2, 0.7]]), origin=(0.5, 0.5, 0.5)
    ).corners[0]
    apart = np.linalg.norm(boxes.corners[0][:, None] - theirs.numpy(), axis=-1)
    np.testing.assert_allclose(apart.min(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(apart.min(axis=1), 0, atol=1e-5)
    front = boxes.corners[0, :4].mean(0) - [1.0, 0.5, 12.0]
    np.testing.assert_allclose(front, 2 * np.array([np.cos(0.7), 0, -np.sin(0.7)]), atol=1e-6)


def test_box_is_drawn_where_it_is(tmp_path):
    teal = np.array([0, 150, 120], np.uint8)  # which nothing else is
    image = np.broadcast_to(teal, (224, 400, 3))
    pictures = []
    for i, names in enumerate(((), ("car",), ("submarine",))):
        path = tmp_path / f"{i}.png"
        save_picture(path, image, entry(*names))
        pictures.append(imread(path))
    empty, one, unknown = pictures
    differing = (empty != unknown).any(-1)
    assert differing.any() and (one != unknown).any()  # drawn as well, in another colour
    shown = np.nonzero((np.abs(empty[..., :3] - teal / 255) < 0.01).all(-1))
    top, side, scale = shown[0].min(), shown[1].min(), 224 / np.ptp(shown[0])
    rows, columns = np.nonzero((empty != one).any(-1)[:, : shown[1].max()])
    corners = entry_boxes(entry("car")).corners[0]
    pixels = (corners @ CAM2IMG.T)[:, :2] / corners[:, 2:]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    assert (columns.min() - side) * scale == pytest.approx(low[0], abs=3)
    assert (columns.max() - side) * scale == pytest.approx(high[0], abs=3)
    assert (rows.max() - top) * scale == pytest.approx(high[1], abs=3)
    assert not list(tmp_path.glob(".*"))  # no draft is left
