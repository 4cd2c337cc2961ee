import copy

import numpy as np
import pytest

from epropnp_det.datasets import (
    CropTopRows,
    LoadCameraLidarPoints,
    NuScenesMonoDataset,
    RandomFlipMono3D,
    ResizeMono3D,
)


@pytest.fixture(scope="module")
def items(keyframe_root, keyframe_infos) -> list[dict]:
    """The six images of the keyframe as the loader hands them on, with black pictures."""
    dataset = NuScenesMonoDataset(data_root=str(keyframe_root), ann_file=str(keyframe_infos))
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    for item in items:
        (image,) = item["images"].values()
        item["img"] = np.zeros((900, 1600, 3), dtype=np.uint8)
        item["img_shape"] = (900, 1600)
        item["cam2img"] = image["cam2img"]
    return items


def _load(item: dict, *steps) -> np.ndarray:
    results = copy.deepcopy(item)
    for step in steps:
        results = step.transform(results)
    return results["points"].tensor.numpy()


def test_points_go_through_both_ego_poses(items):
    item = items[3]
    lidar, (image,) = item["lidar_points"], item["images"].values()
    raw = np.fromfile(lidar["lidar_path"], dtype=np.float32).reshape(-1, 5)[:, :3]
    chain = np.linalg.inv(np.array(image["ego2global"]) @ np.array(image["cam2ego"]))
    chain = chain @ np.array(lidar["ego2global"]) @ np.array(lidar["lidar2ego"])
    there = raw @ chain[:3, :3].T + chain[:3, 3]
    there = there[there[:, 2] > 0]
    pixels = there @ image["cam2img"].T
    pixels = pixels[:, :2] / pixels[:, 2:]
    inside = ((pixels >= 0) & (pixels < (1600, 900))).all(axis=1)
    assert _load(item, LoadCameraLidarPoints()) == pytest.approx(there[inside], abs=1e-4)


def test_points_lie_in_the_annotated_boxes(items):
    compared = 0
    for item in items:
        points = _load(item, LoadCameraLidarPoints())
        for x in item["instances"]:
            if x["truncation"] > 0:
                continue
            offset = points - x["bbox_3d"][:3]
            yaw = x["bbox_3d"][6]
            local = offset @ [
                [np.cos(yaw), 0, np.sin(yaw)],
                [0, 1, 0],
                [-np.sin(yaw), 0, np.cos(yaw)],
            ]
            inside = (np.abs(local) <= np.array(x["bbox_3d"][3:6]) / 2).all(axis=1).sum()
            # The box was annotated with the tilt that the camera box does without.
            assert abs(inside - x["num_lidar_pts"]) <= max(3, 0.2 * x["num_lidar_pts"])
            compared += 1
    assert compared > 50


def test_place_in_the_pipeline_does_not_matter(items):
    load = LoadCameraLidarPoints()
    edits = CropTopRows(228), ResizeMono3D(factor=0.25), RandomFlipMono3D(1.0)
    first = _load(items[0], load, *edits)
    last = _load(items[0], *edits, load)
    assert len(first) > 1000
    assert first == pytest.approx(last, abs=1e-5)


def test_no_point_in_the_image(items, tmp_path):
    item = copy.deepcopy(items[0])
    path = tmp_path / "behind.pcd.bin"
    np.array([[0, -20, 0, 1, 0], [0, 0, 0, 1, 0]], dtype=np.float32).tofile(path)
    item["lidar_points"]["lidar_path"] = str(path)
    assert _load(item, LoadCameraLidarPoints()).shape == (0, 3)
    assert _load(item, LoadCameraLidarPoints(), RandomFlipMono3D(1.0)).shape == (0, 3)
