import numpy as np
import pytest
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from epropnp_det.evaluation.geometry import GlobalBoxes, camera_boxes_to_global

QUARTER_TURN_X = Quaternion(axis=[1, 0, 0], degrees=90)


def random_rows(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack(
        [
            rng.uniform(-30, 30, (count, 3)),
            rng.uniform(0.3, 10, (count, 3)),
            rng.uniform(-np.pi, np.pi, count),
            rng.uniform(-9, 9, (count, 2)),
        ]
    )


def random_poses(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    poses = np.stack([Quaternion(rng.normal(size=4)).transformation_matrix for _ in range(count)])
    poses[:, :3, 3] = rng.uniform(-2000, 2000, (count, 3))
    return poses


def devkit_box(row: np.ndarray, pose: np.ndarray) -> Box:
    """The same move, one box at a time, by devkit and pyquaternion."""
    x, y, z, length, height, width, yaw, vx, vz = row
    box = Box(
        [x, y - height / 2, z],
        [width, length, height],
        Quaternion(axis=[0, 1, 0], radians=yaw) * QUARTER_TURN_X,
        velocity=(vx, 0.0, vz),
    )
    box.rotate(Quaternion(matrix=pose[:3, :3]))
    box.translate(pose[:3, 3])
    return box


def test_agrees_with_devkit_box():
    rows, poses = random_rows(20), random_poses(20)
    boxes = camera_boxes_to_global(rows, poses)
    for index, (row, pose) in enumerate(zip(rows, poses, strict=True)):
        expected = devkit_box(row, pose)
        np.testing.assert_allclose(boxes.center[index], expected.center, atol=1e-9)
        np.testing.assert_allclose(boxes.size[index], expected.wlh)
        np.testing.assert_allclose(boxes.velocity[index], expected.velocity[:2], atol=1e-9)
        ours = Quaternion(boxes.rotation[index])
        assert Quaternion.absolute_distance(ours, expected.orientation) < 1e-9


def test_corners_are_those_of_mmdet3d():
    # The corners depend on neither library's axis names: they check the quarter turn about x.
    structures = pytest.importorskip("mmdet3d.structures")
    rows = random_rows(5).astype(np.float32)
    boxes = camera_boxes_to_global(rows, np.eye(4))
    stock = structures.CameraInstance3DBoxes(rows, box_dim=9).corners.numpy()
    for index in range(5):
        ours = Box(
            boxes.center[index], boxes.size[index], Quaternion(boxes.rotation[index])
        ).corners()
        gaps = np.linalg.norm(ours.T[:, None] - stock[index][None], axis=-1)
        assert gaps.min(axis=1).max() < 1e-4
        assert gaps.min(axis=0).max() < 1e-4


def test_heading_follows_the_yaw_convention():
    row = np.array([[0.0, 0, 10, 4, 1.5, 2, 0.4, 0, 0]])
    boxes = camera_boxes_to_global(row, np.eye(4))
    heading = Quaternion(boxes.rotation[0]).rotate([1, 0, 0])
    np.testing.assert_allclose(heading, [np.cos(0.4), 0, -np.sin(0.4)], atol=1e-12)


def test_camera_to_global_to_camera():
    rows, poses = random_rows(10), random_poses(10)
    boxes = camera_boxes_to_global(rows, poses)
    for index, pose in enumerate(poses):
        box = Box(boxes.center[index], boxes.size[index], Quaternion(boxes.rotation[index]))
        box.translate(-pose[:3, 3])
        box.rotate(Quaternion(matrix=pose[:3, :3]).inverse)
        bottom = box.center + [0, box.wlh[2] / 2, 0]
        np.testing.assert_allclose(bottom, rows[index, :3], atol=1e-9)
        heading = box.orientation.rotate([1, 0, 0])
        yaw = np.arctan2(-heading[2], heading[0])
        assert np.cos(yaw - rows[index, 6]) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_equals_single_boxes_in_float64(dtype):
    rows, pose = random_rows(4).astype(dtype), random_poses(1)[0]
    batch = camera_boxes_to_global(rows, pose)
    assert batch.center.dtype == np.float64
    for index in range(4):
        single = camera_boxes_to_global(rows[index : index + 1], pose)
        for name in ("center", "size", "rotation", "velocity"):
            np.testing.assert_allclose(getattr(single, name)[0], getattr(batch, name)[index])


def test_rounded_matrix_still_gives_a_unit_quaternion():
    pose = random_poses(1)[0].astype(np.float32)
    boxes = camera_boxes_to_global(random_rows(3), pose)
    np.testing.assert_allclose(np.linalg.norm(boxes.rotation, axis=1), 1, atol=1e-12)


def test_no_boxes():
    boxes = camera_boxes_to_global(np.zeros((0, 9)), np.zeros((0, 4, 4)))
    assert len(boxes) == 0
    assert boxes.bev(np.zeros(3)).shape == (0, 5)


def test_bev_yaw_is_the_devkits():
    rows, poses = random_rows(20), random_poses(20)
    boxes = camera_boxes_to_global(rows, poses)
    utils = pytest.importorskip("nuscenes.eval.common.utils")
    origin = np.array([3.0, -4.0, 9.0])
    bev = boxes.bev(origin)
    expected = [utils.quaternion_yaw(Quaternion(rotation)) for rotation in boxes.rotation]
    np.testing.assert_allclose(bev[:, 4], expected, atol=1e-9)
    np.testing.assert_allclose(bev[:, :2], boxes.center[:, :2] - [3.0, -4.0])
    np.testing.assert_allclose(bev[:, 2:4], rows[:, [3, 5]])


def test_index_picks_boxes():
    boxes = camera_boxes_to_global(random_rows(4), np.eye(4))[np.array([2, 0])]
    assert isinstance(boxes, GlobalBoxes)
    np.testing.assert_array_equal(boxes.velocity[:, 0], random_rows(4)[[2, 0], 7])
