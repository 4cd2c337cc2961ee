import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet3d.structures import CameraInstance3DBoxes
from mmdet3d.structures.points import CameraPoints

from epropnp_det.datasets import CropTopRows, RandomFlipMono3D, ResizeMono3D
from epropnp_det.errors import UserError

HEIGHT, WIDTH = 90, 160
CAM2IMG = [[100.0, 0, 77], [0, 110, 45], [0, 0, 1]]
# Bottom centre, l, h, w, yaw, velocity: one low, one high in the image, one of unknown velocity.
BOXES = [
    [1.0, 1.5, 12, 4.2, 1.6, 1.8, 0.4, 3, -1],
    [-3.0, -2.5, 15, 1, 0.7, 0.6, -1.2, 0, 1],
    [2.0, 2, 20, 8, 3, 2.5, 2.9, np.nan, np.nan],
]


def _bounds(boxes, cam2img, size):
    pixels = boxes.corners.numpy() @ np.asarray(cam2img).T
    pixels = pixels[..., :2] / pixels[..., 2:]
    return np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1).clip(0, [*size, *size])


def _centers(boxes, cam2img):
    pixels = boxes.gravity_center.numpy() @ np.asarray(cam2img).T
    return pixels[:, :2] / pixels[:, 2:]


def _results(boxes=BOXES) -> dict:
    boxes = CameraInstance3DBoxes(np.array(boxes, dtype=np.float32).reshape(-1, 9), box_dim=9)
    count = len(boxes)
    img = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    img[...] = np.arange(WIDTH)[None, :, None]
    img[..., 1] = np.arange(HEIGHT)[:, None]
    return {
        "img": img,
        "img_shape": (HEIGHT, WIDTH),
        "ori_shape": (HEIGHT, WIDTH),
        "cam2img": [list(row) for row in CAM2IMG],
        "gt_bboxes_3d": boxes,
        "gt_labels_3d": np.arange(count),
        "attr_labels": np.arange(count),
        "gt_bboxes_labels": np.arange(count),
        "depths": boxes.gravity_center[:, 2].numpy(),
        "centers_2d": _centers(boxes, CAM2IMG).astype(np.float32).reshape(count, 2),
        "gt_bboxes": _bounds(boxes, CAM2IMG, (WIDTH, HEIGHT)).astype(np.float32),
        "points": CameraPoints(torch.tensor([[0.5, 1.0, 10], [0.0, -2, 6], [-4, 2, 12]])),
    }


def _test_results() -> dict:
    return {k: v for k, v in _results().items() if k in ("img", "img_shape", "cam2img")}


def _check_consistent(results: dict) -> None:
    """What the pipeline carries in 2D is what its 3D boxes project to with its camera."""
    height, width = results["img"].shape[:2]
    assert results["img_shape"] == (height, width)
    assert results["cam2img"].shape == (3, 3)
    assert results["cam2img"].dtype == np.float64
    assert results["cam2img"][0, 0] > 0
    assert results["ori_cam2img"].tolist() == CAM2IMG
    boxes, cam2img = results["gt_bboxes_3d"], results["cam2img"]
    assert results["centers_2d"] == pytest.approx(_centers(boxes, cam2img), abs=1e-3)
    expected = _bounds(boxes, cam2img, (width, height))
    assert results["gt_bboxes"] == pytest.approx(expected, abs=1e-3)
    assert results["gt_bboxes"].dtype == results["centers_2d"].dtype == np.float32
    keys = ("gt_labels_3d", "attr_labels", "gt_bboxes_labels", "depths", "centers_2d", "gt_bboxes")
    assert {len(results[k]) for k in keys} == {len(boxes)}


def test_crop():
    before, results = _results(), CropTopRows(40).transform(_results())
    _check_consistent(results)
    assert results["img"].shape == (50, WIDTH, 3)
    assert results["img"][0, 0, 1] == 40
    # The second box ends above row 40.
    assert before["gt_bboxes"][1, 3] < 40
    assert results["gt_labels_3d"].tolist() == [0, 2]
    assert torch.equal(results["gt_bboxes_3d"].tensor[0], before["gt_bboxes_3d"].tensor[0])
    # So does the second point.
    assert results["points"].tensor.tolist() == [[0.5, 1, 10], [-4, 2, 12]]


def test_crop_keeps_what_is_cut_in_part():
    results = CropTopRows(55).transform(_results())
    _check_consistent(results)
    assert results["gt_labels_3d"].tolist() == [0, 2]
    assert (results["gt_bboxes"][:, 1] == 0).all()
    assert (results["centers_2d"][:, 1] < 0).any()


@pytest.mark.parametrize(
    ("arguments", "size"),
    [({"scale": (80, 30)}, (80, 30)), ({"factor": 0.33}, (53, 30)), ({"factor": 1.5}, (240, 135))],
)
def test_resize(arguments, size):
    results = ResizeMono3D(**arguments).transform(_results())
    _check_consistent(results)
    assert results["img"].shape == (size[1], size[0], 3)
    assert results["scale_factor"] == pytest.approx((size[0] / WIDTH, size[1] / HEIGHT))
    assert results["depths"] == pytest.approx(_results()["depths"])
    # The left edge of a pixel column stays the left edge: the middle of column c of the new image
    # shows what was at (c + 0.5) / scale - 0.5, counted in columns.
    column = size[0] // 2
    assert abs(results["img"][0, column, 0] - ((column + 0.5) * WIDTH / size[0] - 0.5)) <= 1


def test_flip():
    before, results = _results(), RandomFlipMono3D(1.0).transform(_results())
    _check_consistent(results)
    assert results["flip"] is True
    assert results["flip_direction"] == "horizontal"
    assert np.array_equal(results["img"], before["img"][:, ::-1])
    old, new = before["gt_bboxes_3d"].tensor, results["gt_bboxes_3d"].tensor
    assert torch.equal(new[:, :3], old[:, :3] * torch.tensor([-1, 1, 1]))
    assert new[0, 7:].tolist() == [-3, -1]
    assert new[2, 7:].isnan().all()
    heading = torch.stack([new[:, 6].cos(), -new[:, 6].sin()], dim=1)
    expected = torch.stack([-old[:, 6].cos(), -old[:, 6].sin()], dim=1)
    assert torch.allclose(heading, expected, atol=1e-6)
    assert results["points"].tensor[:, 0].tolist() == [-0.5, 0, 4]
    assert results["cam2img"][0].tolist() == [100, 0, WIDTH - 77]


def test_flip_never_and_twice():
    results = RandomFlipMono3D(0.0).transform(_results())
    assert results["flip"] is False
    assert results["cam2img"] == CAM2IMG
    flip = RandomFlipMono3D(1.0)
    results = flip.transform(flip.transform(results))
    _check_consistent(results)
    assert results["flip"] is False
    assert results["cam2img"].tolist() == CAM2IMG
    assert np.array_equal(results["img"], _results()["img"])


def test_flip_is_drawn_with_its_probability():
    flip = RandomFlipMono3D(0.3)
    drawn = [flip.transform(_test_results())["flip"] for _ in range(500)]
    # Five standard deviations.
    assert abs(np.mean(drawn) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 500)


@given(
    rows=st.integers(0, 80),
    size=st.tuples(st.integers(8, 300), st.integers(8, 300)),
    order=st.permutations(range(3)),
)
def test_any_chain_is_consistent(rows, size, order):
    steps = [CropTopRows(rows), ResizeMono3D(scale=size), RandomFlipMono3D(1.0)]
    results = _results()
    for index in order:
        if isinstance(steps[index], CropTopRows) and rows >= results["img"].shape[0]:
            return
        results = steps[index].transform(results)
    boxes = results["gt_bboxes_3d"]
    expected = _bounds(boxes, results["cam2img"], results["img_shape"][::-1])
    assert results["gt_bboxes"] == pytest.approx(expected, abs=2e-3)
    assert results["centers_2d"] == pytest.approx(_centers(boxes, results["cam2img"]), abs=2e-3)


@pytest.mark.parametrize("step", [CropTopRows(20), ResizeMono3D(factor=0.5), RandomFlipMono3D(1.0)])
def test_without_annotations_and_without_objects(step):
    results = step.transform(_test_results())
    empty = step.transform(_results([]))
    _check_consistent(empty)
    assert empty["gt_bboxes"].shape == (0, 4)
    assert empty["centers_2d"].shape == (0, 2)
    assert len(empty["gt_bboxes_3d"]) == 0
    assert np.array_equal(results["cam2img"], empty["cam2img"])
    assert "gt_bboxes" not in results


def test_arguments_that_make_no_sense():
    with pytest.raises(UserError, match="90 rows has no 90"):
        CropTopRows(90).transform(_results())
    with pytest.raises(UserError, match="at least 0"):
        CropTopRows(-1)
    with pytest.raises(UserError, match="either"):
        ResizeMono3D()
    with pytest.raises(UserError, match="either"):
        ResizeMono3D(scale=(1, 1), factor=2)
    with pytest.raises(UserError, match="between 0 and 1"):
        RandomFlipMono3D(1.5)
