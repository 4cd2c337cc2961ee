"""KITTI's info files and dataset: everything in the frame of camera 2, as the images show it."""

import pickle
from pathlib import Path

import mmdet3d
import numpy as np
import pytest
from kitti_layout import CLASSES, LIDAR2CAM0, MATRIX, OFFSET, P2, rectangle_of, write_kitti
from mmdet3d.datasets import KittiDataset

from epropnp_det.datasets import KittiMonoDataset, LoadCameraLidarPoints, create_kitti_infos
from epropnp_det.datasets.kitti_calibration import camera_offset
from epropnp_det.errors import UserError

NAMES = dict(classes=tuple(CLASSES))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = write_kitti(tmp_path_factory.mktemp("kitti"), 2, 1)
    create_kitti_infos(root)
    return root


@pytest.fixture
def dataset(root) -> KittiMonoDataset:
    return KittiMonoDataset(str(root), "kitti_infos_train.pkl", test_mode=True, metainfo=NAMES)


def test_offset_of_kittis_own_calibration():
    projection = [
        [721.5377, 0, 609.5593, 44.85728],
        [0, 721.5377, 172.854, 0.2163791],
        [0, 0, 1, 0.002745884],
    ]
    offset = camera_offset(projection)
    expected = [(44.85728 - 609.5593 * 0.002745884) / 721.5377, -0.000358, 0.002745884]
    np.testing.assert_allclose(offset, expected, atol=1e-6)
    np.testing.assert_allclose(camera_offset(P2), OFFSET)


def test_info_file(root):
    content = pickle.loads((root / "kitti_infos_train.pkl").read_bytes())
    assert content["metainfo"]["categories"]["Car"] == 2
    first, second = content["data_list"]
    assert (first["sample_idx"], second["sample_idx"]) == (0, 1)
    camera = first["images"]["CAM2"]
    assert (camera["width"], camera["height"]) == (620, 188)
    np.testing.assert_allclose(np.array(camera["cam2img"])[:3], P2)
    np.testing.assert_allclose(np.array(camera["lidar2cam"])[:3], LIDAR2CAM0)
    labels = [instance["bbox_label"] for instance in first["instances"]]
    assert labels == [0] * 8 + [1] * 8 + [2] * 8 + [3, -1]
    for instance in first["instances"][:24]:
        np.testing.assert_allclose(
            rectangle_of(instance["bbox_3d"], P2), instance["bbox"], atol=1e-3
        )
        x, y, z, _, height, *_ = instance["bbox_3d"]
        pixel = P2 @ (x, y - height / 2, z, 1)
        np.testing.assert_allclose(instance["center_2d"], pixel[:2] / pixel[2], atol=1e-9)
        assert instance["depth"] == pytest.approx(z + OFFSET[2])
    assert not (root / "kitti_infos_test.pkl").exists()


def test_boxes_are_what_a_pinhole_camera_sees(dataset):
    """With the (3, 3) matrix alone, which is all that the network knows."""
    for item in (dataset.get_data_info(i) for i in range(2)):
        camera, truth = item["images"]["CAM2"], item["eval_ann_info"]
        np.testing.assert_allclose(camera["cam2img"], MATRIX)
        assert truth["gt_labels_3d"].tolist() == [0] * 8 + [1] * 8 + [2] * 8
        corners = truth["gt_bboxes_3d"].corners.numpy() @ MATRIX.T
        pixels = corners[..., :2] / corners[..., 2:]
        rectangles = np.concatenate([pixels.min(1), pixels.max(1)], 1)
        np.testing.assert_allclose(rectangles, truth["gt_bboxes"], atol=0.01)
        centers = truth["gt_bboxes_3d"].gravity_center.numpy()
        np.testing.assert_allclose(truth["depths"], centers[:, 2], atol=1e-5)


def test_lidar_points_lie_in_the_boxes(dataset):
    item = dataset.get_data_info(0)
    item.update(img_shape=(188, 620), cam2img=item["images"]["CAM2"]["cam2img"])
    points = LoadCameraLidarPoints(load_dim=4).transform(item)["points"].coord.numpy()
    centers = item["eval_ann_info"]["gt_bboxes_3d"].gravity_center.numpy()
    np.testing.assert_allclose(points, centers, atol=1e-4)


def test_info_file_that_the_stock_dataset_reads(root):
    stock = KittiDataset(
        str(root),
        "kitti_infos_train.pkl",
        data_prefix=dict(img="training/image_2"),
        modality=dict(use_lidar=False, use_camera=True),
        box_type_3d="Camera",
        metainfo=NAMES,
        test_mode=True,
    )
    ours = KittiMonoDataset(str(root), "kitti_infos_train.pkl", test_mode=True, metainfo=NAMES)
    for i in range(2):
        expected, found = (d.get_data_info(i)["eval_ann_info"] for d in (stock, ours))
        moved = expected["gt_bboxes_3d"].gravity_center.numpy() + OFFSET
        np.testing.assert_allclose(found["gt_bboxes_3d"].gravity_center, moved, atol=1e-5)
        np.testing.assert_array_equal(found["gt_bboxes"], expected["gt_bboxes"])


def test_agrees_with_the_stock_converter(root, tmp_path, monkeypatch):
    """Which reads the same files with code of its own; its info files work as well as ours."""
    monkeypatch.syspath_prepend(str(Path(mmdet3d.__file__).parent / ".mim"))
    converter = pytest.importorskip("tools.dataset_converters.kitti_converter")
    updater = pytest.importorskip("tools.dataset_converters.update_infos_to_v2")
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    converter.create_kitti_info_file(str(root), save_path=str(tmp_path / "first"))
    first = str(tmp_path / "first/kitti_infos_train.pkl")
    updater.update_kitti_infos(first, str(tmp_path / "second"))
    theirs = tmp_path / "second/kitti_infos_train.pkl"
    stock, ours = (
        pickle.loads(path.read_bytes()) for path in (theirs, root / "kitti_infos_train.pkl")
    )
    assert ours["metainfo"] == stock["metainfo"]
    for frame, expected in zip(ours["data_list"], stock["data_list"], strict=True):
        assert frame["sample_idx"] == expected["sample_idx"]
        for key in ("cam2img", "lidar2cam", "lidar2img", "width", "height"):
            found, known = (f["images"]["CAM2"][key] for f in (frame, expected))
            np.testing.assert_allclose(found, known, atol=1e-4)
        pairs = zip(frame["instances"], expected["instances"], strict=True)
        for instance, known in pairs:
            # What is passed over has no place of its own.
            for key in instance if known["bbox_label"] >= 0 else ("bbox", "bbox_label_3d"):
                np.testing.assert_allclose(instance[key], known[key], atol=1e-4, err_msg=key)
    boxes = [
        KittiMonoDataset(str(root), str(path), test_mode=True, metainfo=NAMES)
        .get_data_info(1)["eval_ann_info"]["gt_bboxes_3d"]
        .tensor
        for path in ("kitti_infos_train.pkl", theirs)
    ]
    np.testing.assert_allclose(*boxes, atol=1e-4)


@pytest.mark.parametrize("keep", [0, 24])
def test_image_without_objects(root, tmp_path, keep):
    """No label at all, or such alone as are passed over."""
    content = pickle.loads((root / "kitti_infos_train.pkl").read_bytes())
    frame = content["data_list"][0]
    frame["instances"] = frame["instances"][24:] if keep else []
    file = tmp_path / "infos.pkl"
    file.write_bytes(pickle.dumps(content))
    item = KittiMonoDataset(str(root), str(file), metainfo=NAMES).get_data_info(0)
    truth = item["ann_info"]
    assert truth["gt_bboxes_3d"].tensor.shape == (0, 7)
    shapes = {key: truth[key].shape for key in ("gt_bboxes", "centers_2d", "depths")}
    assert shapes == dict(gt_bboxes=(0, 4), centers_2d=(0, 2), depths=(0,))
    assert truth["gt_labels_3d"].shape == truth["gt_bboxes_labels"].shape == (0,)


def test_test_split_has_no_labels(root, tmp_path):
    (tmp_path / "testing").symlink_to(root / "training")
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets/test.txt").write_text("000001")
    (path,) = create_kitti_infos(tmp_path, info_prefix="k")
    assert path.name == "k_infos_test.pkl"
    (frame,) = pickle.loads(path.read_bytes())["data_list"]
    assert frame["sample_idx"] == 1 and "instances" not in frame
    prefix = dict(img="testing/image_2")
    (item,) = KittiMonoDataset(str(tmp_path), path.name, data_prefix=prefix, test_mode=True)
    assert item["eval_ann_info"]["gt_labels_3d"].shape == (0,)
    assert Path(item["images"]["CAM2"]["img_path"]).is_file()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("label_2", "Car 0 0\n", "line 1: 3 fields, not 15"),
        ("label_2", None, "is missing: unpack it"),
        ("calib", "P2: 1 2 3\n", "line 1, matrix P2 has 3 values"),
        ("calib", None, "is missing: unpack it"),
        ("image_2", "none", "is not a readable image"),
        ("image_2", None, "is missing: unpack it"),
    ],
)
def test_broken_files(tmp_path, file, content, said):
    root = write_kitti(tmp_path / "kitti", 1, 1)
    (path,) = (root / "training" / file).glob("000001.*")
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=f"000001.*{said}"):
        create_kitti_infos(root)
    assert not list(root.glob("*.pkl"))


@pytest.mark.parametrize(
    ("name", "said"),
    [("car", r"no class car \(did you mean Car\?\)"), ("forklift", "no class forklift: name some")],
)
def test_classes_that_kitti_does_not_have(root, name, said):
    with pytest.raises(UserError, match=said):
        KittiMonoDataset(str(root), "kitti_infos_train.pkl", metainfo=dict(classes=("Van", name)))


def test_nothing_to_do(tmp_path):
    with pytest.raises(UserError, match="not a folder"):
        create_kitti_infos(tmp_path / "absent")
    with pytest.raises(UserError, match="ImageSets lists no image"):
        create_kitti_infos(tmp_path)
