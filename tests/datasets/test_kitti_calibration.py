"""Calibration files of KITTI's other benchmarks, of converters and of a camera alone."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from kitti_layout import CLASSES, LIDAR2CAM0, MATRIX, OFFSET, P2, write_kitti

from epropnp_det.datasets import KittiMonoDataset, LoadCameraLidarPoints, create_kitti_infos
from epropnp_det.errors import UserError

TURN = np.array([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
NAMES = dict(classes=tuple(CLASSES))


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    return write_kitti(tmp_path_factory.mktemp("kitti"), 1, 0)


@pytest.fixture
def root(clean, tmp_path) -> Path:
    """One image."""
    return shutil.copytree(clean, tmp_path / "kitti")


def text_of(matrices: dict[str, np.ndarray], colon: str = ": ") -> str:
    lines = (name + colon + " ".join(map(str, m.ravel())) for name, m in matrices.items())
    return "\n".join(lines) + "\n"


def write_calibration(root: Path, text: str) -> None:
    (root / "training/calib/000000.txt").write_bytes(text.encode())


def frame_of(root: Path, text: str) -> dict:
    write_calibration(root, text)
    (path,) = create_kitti_infos(root)
    (frame,) = pickle.loads(path.read_bytes())["data_list"]
    return frame


@pytest.mark.parametrize(
    ("names", "colon", "dress"),
    [
        (("P2", "R0_rect", "Tr_velo_to_cam"), ": ", "{}"),
        (("P2", "R_rect", "Tr_velo_cam"), " ", "{}"),  # of tracking
        (("P_rect_02", "R_rect_00", "Tr_velo_to_cam"), ": ", "{}"),  # of raw data, joined
        (("P2", "R0_rect", "Tr_velo_cam"), ":", "\ufeff{}"),
        (("P2", "R_rect", "Tr_velo_to_cam"), " : ", "\n{}"),
        (("P2", "R0_rect", "Tr_velo_to_cam"), ":\t", "{}\n\n"),
    ],
)
def test_names_of_matrices(root, names, colon, dress, capsys):
    matrices = dict(zip(names, (P2, TURN, LIDAR2CAM0), strict=True))
    text = "calib_time: 09-Jan-2012 13:57:47\n" + text_of(matrices, colon)
    frame = frame_of(root, dress.format(text).replace("\n", "\r\n"))
    np.testing.assert_allclose(np.array(frame["images"]["CAM2"]["cam2img"])[:3], P2)
    lidar2cam = np.array(frame["images"]["CAM2"]["lidar2cam"])
    np.testing.assert_allclose(lidar2cam[:3], TURN @ LIDAR2CAM0, atol=1e-12)
    assert frame["lidar_points"]["lidar_path"] == "000000.bin"
    assert capsys.readouterr().out == ""


def test_odometry_has_no_rectification(root, capsys):
    frame = frame_of(root, text_of({"P2": P2, "Tr": LIDAR2CAM0}))
    np.testing.assert_allclose(np.array(frame["images"]["CAM2"]["lidar2cam"])[:3], LIDAR2CAM0)
    said = capsys.readouterr().out.strip()
    assert said == "Images without R0_rect in their calibration, taken as rectified: 1."


@pytest.mark.parametrize("more", [{}, {"R0_rect": TURN}])
def test_camera_alone(root, more, capsys):
    """The boxes are the same, and the LiDAR is missing in words."""
    boxes = []
    for text in ((root / "training/calib/000000.txt").read_text(), text_of({"P2": P2, **more})):
        frame = frame_of(root, text)
        dataset = KittiMonoDataset(str(root), "kitti_infos_train.pkl", metainfo=NAMES)
        item = dataset.get_data_info(0)
        np.testing.assert_allclose(item["images"]["CAM2"]["cam2img"], MATRIX)
        boxes.append(item["ann_info"]["gt_bboxes_3d"].tensor)
    np.testing.assert_array_equal(*boxes)
    assert "lidar_points" not in frame and "lidar_points" not in item
    # Its frame would be that of the labels.
    np.testing.assert_allclose(item["images"]["CAM2"]["lidar2cam"][:3, 3], OFFSET)
    said = capsys.readouterr().out
    assert "Images without Tr_velo_to_cam in their calibration, taken to have no LiDAR: 1." in said
    assert "R0_rect" not in said
    with pytest.raises(UserError, match="the rig has no LiDAR: leave LoadCameraLidarPoints out"):
        LoadCameraLidarPoints(load_dim=4).transform(item)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", " has no matrix P2, that of the camera"),
        (text_of({"P0": P2, "R0_rect": TURN}), " has no matrix P2"),
        ("P2: 1 2 3\n", ", line 1, matrix P2 has 3 values: write the 12 of a (3, 4) matrix"),
        ("\nP2:\n", ", line 2, matrix P2 has 0 values"),
        (text_of({"P2": MATRIX}), ", line 1, matrix P2 has 9 values"),
        (text_of({"P2": P2, "R_rect": np.eye(4)}), ", line 2, matrix R_rect has 16 values: write"),
        (text_of({"P2": P2, "Tr_velo_cam": TURN}), ", line 2, matrix Tr_velo_cam has 9 values"),
        (text_of({"P2": P2}).replace("361.0", "f"), ", line 1, matrix P2: 'f' is no finite number"),
        (text_of({"P2": P2 * np.nan}), ", line 1, matrix P2: 'nan' is no finite number"),
        (text_of({"P2": P2 * 0}), ": matrix P2 is of no camera, as its first three columns"),
    ],
)
def test_files_that_are_refused(root, text, said):
    write_calibration(root, text)
    with pytest.raises(UserError) as refused:
        create_kitti_infos(root)
    sentence = str(refused.value)
    path = f"{root}/training/calib/000000.txt"
    assert sentence.startswith(path + said)
    assert "\n" not in sentence and not list(root.glob("*.pkl"))
