import json

import numpy as np
import pytest

from epropnp_det.camera_matrix import check_camera_matrix, read_camera_matrix
from epropnp_det.errors import UserError

# The front camera of a nuScenes car.
SIZE = (1600, 900)
MATRIX = np.array([[1266.4, 0, 816.3], [0, 1266.4, 491.5], [0, 0, 1]])


@pytest.mark.parametrize("content", [{"cam2img": MATRIX.tolist()}, MATRIX.tolist()])
def test_json(tmp_path, content):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(content))
    np.testing.assert_array_equal(read_camera_matrix(path), MATRIX)


def test_csv(tmp_path):
    path = tmp_path / "camera.csv"
    path.write_text("1266.4, 0, 816.3\n0, 1266.4, 491.5\n0, 0, 1\n")
    np.testing.assert_array_equal(read_camera_matrix(path), MATRIX)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "{", "neither JSON"),
        ("a.json", '{"matrix": 1}', "neither JSON"),
        ("a.json", '[["a", "b", "c"]]', "neither JSON"),
        ("a.json", "[[1, 2], [3]]", "neither JSON"),
        ("a.json", "[[1, 2], [3, 4]]", "shape 2 x 2"),
        ("a.json", "1", "shape a single number"),
        ("a.csv", "1,2,x\n", "neither JSON"),
        ("a.csv", "1,2,3\n4,5\n", "neither JSON"),
        ("a.csv", "1,2,3\n4,5,6\n", "shape 2 x 3"),
    ],
)
def test_files_that_hold_no_matrix(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=f"{name}.*{said}"):
        read_camera_matrix(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="absent.json does not exist"):
        read_camera_matrix(tmp_path / "absent.json")


def changed(row: int, column: int, value: float) -> np.ndarray:
    matrix = MATRIX.copy()
    matrix[row, column] = value
    return matrix


def resized(factor: float) -> np.ndarray:
    return np.diag([factor, factor, 1]) @ MATRIX


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.eye(4), "shape 4 x 4"),
        (changed(0, 1, np.nan), "not finite"),
        (changed(2, 2, 2), r"last row \(0, 0, 2\)"),
        (changed(1, 1, -1266.4), "must be positive"),
        (changed(0, 2, 1601), "outside the 1600 x 900 image"),
        (changed(1, 2, -1), "outside"),
        (changed(0, 0, 100), "0.3 to 3 are sane.*another resolution"),
        (changed(1, 1, 9000), "0.3 to 3 are sane.*another resolution"),
        (resized(2), "outside"),
        (resized(0.5), "816 x 492 has its centre.*another resolution"),
        (resized(1.6), "has its centre.*another resolution"),
    ],
)
def test_matrices_that_cannot_be_right(matrix, said):
    with pytest.raises(UserError, match=f"camera matrix of a.jpg.*{said}"):
        check_camera_matrix(matrix, SIZE, "a.jpg")


@pytest.mark.parametrize(
    ("matrix", "size"),
    [
        (MATRIX, SIZE),
        # The back camera, the front one cropped as the network sees it, and KITTI's.
        (np.array([[809.2, 0, 829.2], [0, 809.2, 481.8], [0, 0, 1]]), SIZE),
        (MATRIX - [[0, 0, 0], [0, 0, 228], [0, 0, 0]], (1600, 672)),
        (np.array([[721.5, 0, 609.6], [0, 721.5, 172.9], [0, 0, 1]]), (1242, 375)),
    ],
)
def test_real_cameras_pass(matrix, size):
    check_camera_matrix(matrix, size, "a.jpg")
