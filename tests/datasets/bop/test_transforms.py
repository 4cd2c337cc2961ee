import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import pseudo_collate
from scipy.spatial.transform import Rotation
from torch.utils.data import DataLoader

from epropnp_det.datasets import BOPDataset
from epropnp_det.datasets.bop import (
    CropObject,
    JitterObjectBox,
    LoadObjectMasks,
    RenderObjectCoords,
    ReplaceBackground,
    TurnInPlane,
    cell_pixels,
)
from epropnp_det.errors import UserError


@pytest.fixture(scope="module", autouse=True)
def _embree():
    pytest.importorskip("embreex", reason="embreex is not installed")


@pytest.fixture(scope="module")
def dataset(bop_root):
    return BOPDataset(str(bop_root), "train", pipeline=[RenderObjectCoords()])


@pytest.fixture(scope="module")
def backgrounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backgrounds")
    (folder / "in").mkdir()
    cv2.imwrite(str(folder / "in" / "green.png"), np.full((50, 80, 3), (0, 255, 0), np.uint8))
    return folder


def _through(dataset, index, *steps):
    results = dataset.get_data_info(index)
    for step in (LoadImageFromFile(), LoadObjectMasks(whole=True), *steps):
        results = step(results)
    return results


def _matrix(pose):
    return Rotation.from_quat(pose[[4, 5, 6, 3]]).as_matrix()


def _projected(results):
    """The cells' pixels, and where the pose shows the coordinates (both (N, 2)) within the mask."""
    seen = results["gt_mask"] > 0
    points = results["gt_coords"][:, seen].T.astype(float) * results["half_size"]
    pose = results["gt_pose"].astype(float)
    image = (points @ _matrix(pose).T + pose[:3]) @ results["cam2img"].T
    return cell_pixels(results["crop_center"], results["crop_size"], len(seen))[seen], (
        image[:, :2] / image[:, 2:]
    )


@pytest.mark.parametrize("index", range(5))
def test_coordinates_lie_behind_their_pixels_where_the_object_is_visible(
    dataset, box_depths, index
):
    results = _through(dataset, index, JitterObjectBox(), CropObject(), RenderObjectCoords())
    assert results["gt_coords"].shape == (3, 64, 64)
    assert results["gt_coords"].dtype == results["gt_mask"].dtype == np.float32
    wanted, found = _projected(results)
    assert len(wanted) > 50
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert not results["gt_coords"][:, results["gt_mask"] == 0].any()
    # The mask, at the nearest pixel, and the box itself decide on what is seen.
    pixels = cell_pixels(results["crop_center"], results["crop_size"])
    pose = results["gt_pose"].astype(float)
    depths = box_depths(results["obj_id"], _matrix(pose), pose[:3] * 1000, pixels.reshape(-1, 2))
    hit = np.isfinite(depths).reshape(64, 64)
    nearest = np.floor(pixels + 0.5).astype(int)
    height, width = results["ori_shape"]
    inside = ((nearest >= 0) & (nearest < (width, height))).all(axis=-1)
    mask = cv2.imread(results["mask_visib_path"], cv2.IMREAD_GRAYSCALE) > 0
    nearest = nearest.clip(0, (width - 1, height - 1))
    visible = mask[nearest[..., 1], nearest[..., 0]] & inside
    differing = results["gt_mask"].astype(bool) ^ (visible & hit)
    assert differing.mean() < 1e-3
    points = results["gt_coords"].reshape(3, -1).T * results["half_size"]
    z = (points @ _matrix(pose).T + pose[:3])[:, 2]
    seen = results["gt_mask"].ravel() > 0
    np.testing.assert_allclose(z[seen] * 1000, depths[seen], atol=2e-3)


def test_both_sides_of_an_occlusion(dataset):
    """Object 5 hides a part of object 1: what is seen of the two is apart, and touches."""
    front, behind = (
        _through(dataset, index, CropObject(margin=2.0), RenderObjectCoords(cells=128))
        for index in (0, 1)
    )
    assert (front["obj_id"], behind["obj_id"]) == (5, 1)
    counts = []
    for results in (front, behind):
        wanted, _ = _projected(results)
        grid = np.floor(wanted + 0.5).astype(int)
        counts.append(np.zeros((72, 96), bool))
        counts[-1][grid[:, 1], grid[:, 0]] = True
    assert not (counts[0] & counts[1]).any()
    assert (cv2.dilate(counts[0].astype(np.uint8), np.ones((3, 3))).astype(bool) & counts[1]).any()


def test_object_of_which_no_cell_is_seen_is_passed_over(dataset):
    results = _through(dataset, 0)
    results["mask_visib"][:] = 0
    assert RenderObjectCoords()(CropObject()(results)) is None


def test_crop(dataset):
    results = _through(dataset, 0, CropObject(size=128))
    assert results["img"].shape == (128, 128, 3)
    assert results["img_shape"] == (128, 128)
    assert results["ori_shape"] == (72, 96)
    box = dataset.get_data_info(0)["box"]
    assert results["crop_size"] == int(1.5 * max(box[2:]))
    np.testing.assert_array_equal(results["crop_center"], np.trunc(box[:2] + box[2:] / 2))
    # The crop is in the colour of the object where the mask is.
    colour = results["img"][results["mask_visib"] > 0].astype(int)
    assert np.median(np.abs(colour - (210, 90, 40))) < 3


def test_jitter_stays_within_its_bounds_and_reaches_them():
    jitter = JitterObjectBox(shift=0.25, scale=0.2)
    box = np.array([10.0, 20, 40, 80])
    boxes = np.stack([jitter({"box": box.copy()})["box"] for _ in range(2000)])
    shift = (boxes[:, :2] + boxes[:, 2:] / 2 - [30, 60]) / [40, 80]
    scale = boxes[:, 2:] / [40, 80]
    np.testing.assert_allclose(scale[:, 0], scale[:, 1])
    np.testing.assert_allclose([shift.min(0), shift.max(0)], [[-0.25] * 2, [0.25] * 2], atol=0.01)
    np.testing.assert_allclose([scale.min(), scale.max()], [0.8, 1.2], atol=0.01)
    for options in (dict(shift=1), dict(scale=-0.1)):
        with pytest.raises(UserError, match="fraction from 0 to 1"):
            JitterObjectBox(**options)


def test_background(dataset, backgrounds):
    plain = _through(dataset, 2, CropObject())
    results = _through(dataset, 2, CropObject(), ReplaceBackground(str(backgrounds), prob=1))
    inside, mask = results["in_image"], results["mask_visib"] > 0
    assert 0.2 < inside.mean() < 0.95
    assert (results["img"][inside & ~mask] == (0, 255, 0)).all()
    np.testing.assert_array_equal(results["img"][mask], plain["img"][mask])
    np.testing.assert_array_equal(results["img"][~inside], plain["img"][~inside])
    same = _through(dataset, 2, CropObject(), ReplaceBackground("nowhere", prob=0))
    np.testing.assert_array_equal(same["img"], plain["img"])
    half = ReplaceBackground(str(backgrounds))
    changed = [
        (_through(dataset, 2, CropObject(), half)["img"] != plain["img"]).any() for _ in range(60)
    ]
    assert 0.25 < np.mean(changed) < 0.75


def test_background_that_is_none(dataset, backgrounds, tmp_path):
    with pytest.raises(UserError, match="no folder with images"):
        ReplaceBackground(str(tmp_path))
    with pytest.raises(UserError, match="give some up to 1"):
        ReplaceBackground(str(backgrounds), prob=2)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match="broken.jpg is not a readable image"):
        _through(dataset, 0, CropObject(), ReplaceBackground(str(tmp_path), prob=1))


@pytest.mark.parametrize("index", [0, 3, 4])
def test_turned_camera_sees_the_object_where_the_turned_pose_shows_it(dataset, index):
    turned = _through(dataset, index, TurnInPlane(angle=40, prob=1))
    before = dataset.get_data_info(index)
    assert not np.allclose(turned["gt_pose"], before["gt_pose"])
    # Distances along the optical axis stay.
    np.testing.assert_allclose(turned["gt_pose"][2], before["gt_pose"][2], rtol=1e-6)
    results = RenderObjectCoords()(CropObject()({**turned}))
    wanted, found = _projected(results)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    # Were the image turned otherwise than the pose, the mask would fit the rendering badly.
    everywhere = {**turned, "mask_visib": np.ones_like(turned["mask_visib"])}
    whole = RenderObjectCoords()(CropObject()(everywhere))["gt_mask"] > 0
    seen = results["gt_mask"] > 0
    assert (seen & whole).sum() > 0.9 * whole.sum()


def test_turn_out_of_sight_and_never(dataset):
    results = _through(dataset, 0)
    results["mask_visib"][:] = 0
    assert TurnInPlane(prob=1)(results) is None
    results = _through(dataset, 0, TurnInPlane(prob=0))
    np.testing.assert_array_equal(results["gt_pose"], dataset.get_data_info(0)["gt_pose"])
    with pytest.raises(UserError, match="up to 1 and 180"):
        TurnInPlane(angle=200)


def test_masks_that_do_not_fit(dataset, tmp_path):
    results = _through(dataset, 0)
    for content, says in (
        (np.zeros((5, 6), np.uint8), "is 6 x 5 and its image 96 x 72"),
        (None, "missing"),
    ):
        path = tmp_path / f"{says[:2]}.png"
        if content is not None:
            cv2.imwrite(str(path), content)
        with pytest.raises(UserError, match=says):
            LoadObjectMasks()({**results, "mask_visib_path": str(path)})


def test_order_of_the_pipeline(dataset, backgrounds):
    info = LoadImageFromFile()(dataset.get_data_info(0))
    with pytest.raises(UserError, match="behind CropObject"):
        RenderObjectCoords()({**info})
    with pytest.raises(UserError, match="behind LoadObjectMasks"):
        RenderObjectCoords()(CropObject()({**info}))
    with pytest.raises(UserError, match="behind LoadObjectMasks"):
        ReplaceBackground(str(backgrounds), prob=1)(CropObject()({**info}))
    with pytest.raises(UserError, match="behind LoadObjectMasks"):
        TurnInPlane(prob=1)({**info})


def _pipeline(backgrounds):
    return [
        dict(type="LoadImageFromFile"),
        dict(type="LoadObjectMasks"),
        dict(type="TurnInPlane", angle=30),
        dict(type="JitterObjectBox"),
        dict(type="CropObject"),
        dict(type="ReplaceBackground", folder=str(backgrounds)),
        dict(type="mmdet.PhotoMetricDistortion"),
        dict(type="RenderObjectCoords"),
        dict(type="PackObjectPose"),
    ]


def test_batches_of_a_training(bop_root, backgrounds):
    dataset = BOPDataset(str(bop_root), "train", pipeline=_pipeline(backgrounds))
    # What the parent process has rendered must not stop those that are forked from it.
    assert dataset[0]["inputs"].shape == (3, 256, 256)
    loader = DataLoader(dataset, batch_size=3, num_workers=2, collate_fn=pseudo_collate)
    samples = [sample for batch in loader for sample in batch["data_samples"]]
    assert [sample.obj_id for sample in samples] == [5, 1, 1, 1, 5]
    sample = samples[0]
    assert sample.gt_coords.shape == (3, 64, 64)
    assert sample.gt_mask.dtype == sample.gt_pose.dtype == torch.float32
    assert sample.cam2img.shape == (3, 3)
    assert (sample.label, sample.score, sample.time, sample.gt_index) == (2, 1, -1, 0)
    assert sample.ori_shape == (72, 96)
    inputs = next(iter(DataLoader(dataset, 5, collate_fn=pseudo_collate)))["inputs"]
    assert all(image.min() >= 0 and image.max() <= 255 for image in inputs)


def test_items_of_a_test(bop_root):
    steps = [dict(type=name) for name in ("LoadImageFromFile", "CropObject", "PackObjectPose")]
    dataset = BOPDataset(str(bop_root), "train", pipeline=steps, test_mode=True)
    packed = dataset[1]
    assert packed["inputs"].dtype == torch.uint8
    assert "gt_coords" not in packed["data_samples"]
    assert packed["data_samples"].gt_pose.shape == (7,)
    sample = packed["data_samples"]
    assert sample.metainfo["img_shape"] == (256, 256)
    np.testing.assert_allclose(sample.half_size, [0.04, 0.06, 0.03], rtol=1e-6)
    whole = dataset.get_data_info(1)["box"]
    assert sample.crop_size == int(1.5 * max(whole[2:]))
