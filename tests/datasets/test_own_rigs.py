"""Info files of rigs that are not nuScenes' own, and labels that no LiDAR saw."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.logging import MMLogger
from PIL import Image

from epropnp_det.datasets import NuScenesMonoDataset, create_nuscenes_infos
from epropnp_det.datasets.info_file import images_per_frame, read_info_file
from epropnp_det.datasets.nuscenes_names import CAMERAS
from epropnp_det.datasets.transforms import LoadCameraLidarPoints
from epropnp_det.errors import UserError


@pytest.fixture
def edited(fake_root: Path) -> Callable[[Callable[[dict], None]], Path]:
    """An info file whose content was changed."""
    create_nuscenes_infos(fake_root, "v1.0-mini")
    path = fake_root / "nuscenes_infos_train.pkl"

    def edit(change: Callable[[dict], None]) -> Path:
        content = pickle.loads(path.read_bytes())
        change(content)
        path.write_bytes(pickle.dumps(content))
        return path

    return edit


def dataset(root: Path, ann_file: Path, **settings) -> NuScenesMonoDataset:
    return NuScenesMonoDataset(str(root), str(ann_file), **settings)


def paths(data: NuScenesMonoDataset) -> list[str]:
    return [image["img_path"] for item in data for image in item["images"].values()]


def test_seven_cameras_have_seven_numbers(fake_root, edited):
    def add(content: dict) -> None:
        for frame in content["data_list"]:
            front = frame["images"]["CAM_FRONT"]
            frame["images"]["MAST"] = {
                **front,
                "img_path": f"samples/CAM_FRONT/{front['img_path']}",
            }

    data = dataset(fake_root, edited(add))
    assert len(data) == 14
    assert [data.get_data_info(i)["sample_idx"] for i in range(14)] == list(range(14))
    assert all(map(Path.is_file, map(Path, paths(data))))


def test_fewer_cameras_keep_the_numbers_of_six(fake_root, edited):
    def keep_two(content: dict) -> None:
        for frame in content["data_list"]:
            frame["images"] = {name: frame["images"][name] for name in CAMERAS[:2]}

    data = dataset(fake_root, edited(keep_two))
    assert [data.get_data_info(i)["sample_idx"] for i in range(4)] == [0, 1, 6, 7]


@pytest.mark.parametrize(
    ("frames", "count"),
    [([{}], 6), ([{"images": {}}], 6), ([{"images": dict.fromkeys("abcdefgh")}, {}], 8)],
)
def test_images_per_frame(frames, count):
    assert images_per_frame(frames) == count


def test_rig_without_lidar(fake_root, edited):
    def take_away(content: dict) -> None:
        for frame in content["data_list"]:
            del frame["lidar_points"]

    data = dataset(fake_root, edited(take_away))
    item = data[0]
    assert "lidar_points" not in item and len(item["ann_info"]["gt_labels_3d"]) == 1
    said = "has no LiDAR: leave LoadCameraLidarPoints out .*loss_depth to None"
    with pytest.raises(UserError, match=said):
        LoadCameraLidarPoints()(item)


@pytest.mark.parametrize("place", ["", "images/left"])
def test_camera_of_another_name_is_below_the_data_root(fake_root, edited, place):
    (fake_root / place).mkdir(parents=True, exist_ok=True)
    name = str(Path(place, "0.png"))
    Image.new("RGB", (8, 8)).save(fake_root / name)

    def rename(content: dict) -> None:
        for frame in content["data_list"]:
            frame["images"] = {"LEFT": {**frame["images"]["CAM_FRONT"], "img_path": name}}

    assert paths(dataset(fake_root, edited(rename))) == [str(fake_root / name)] * 2


def test_bare_names_beside_the_info_file(fake_root, edited, tmp_path):
    """As mmdet3d's demo has them, for cameras of nuScenes' names."""
    apart = tmp_path / "demo"
    apart.mkdir()
    content = edited(lambda content: None)
    for image in fake_root.glob("samples/CAM_*/*.jpg"):
        (apart / image.name).write_bytes(image.read_bytes())
        image.unlink()
    moved = apart / "infos.pkl"
    moved.write_bytes(content.read_bytes())
    found = paths(dataset(fake_root, moved))
    assert len(found) == 12 and all(Path(path).parent == apart for path in found)
    # Where there is nothing anywhere, the usual place is named.
    for image in apart.glob("*.jpg"):
        image.unlink()
    assert paths(dataset(fake_root, moved))[0].startswith(str(fake_root / "samples/CAM_FRONT/"))


def test_early_form_of_info_files(tmp_path):
    path = tmp_path / "early.pkl"
    frame = {"sample_id": 0, "images": [{"img_path": "0.png"}]}
    path.write_bytes(pickle.dumps({"metainfo": {"DATASET": "KITTI"}, "data_list": [frame]}))
    with pytest.raises(UserError, match="early.pkl is of an early form of mmdet3d's v2 format"):
        read_info_file(str(path))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What data sets write into the log."""
    found = []
    monkeypatch.setattr(
        MMLogger, "callHandlers", lambda _, record: found.append(record.getMessage())
    )
    return found


def test_labels_without_points_are_kept_on_demand_and_counted(fake_root, edited, said):
    path = edited(lambda content: None)

    def labels(**settings) -> list[int]:
        said.clear()
        return dataset(fake_root, path, **settings).get_ann_info(0)["gt_labels_3d"].tolist()

    def table() -> list[str]:
        (text,) = [text for text in said if "instances per category" in text]
        return [row for row in text.splitlines() if "| car" in row or "| pedestrian" in row]

    assert labels() == [0]
    assert [row.split()[3] for row in table()] == ["2", "0"]
    (text,) = [text for text in said if "left out" in text]
    assert "left out: 1 without points (filter_points)." in text
    assert labels(filter_points=False) == [0, 7]
    assert [row.split()[3] for row in table()] == ["2", "1"]
    assert not [text for text in said if "left out" in text]
    assert labels(use_valid_flag=False, filter_points=False) == [0, 7]


def test_labels_of_low_visibility_are_counted(fake_root, edited, said):
    def hide(content: dict) -> None:
        for boxes in content["data_list"][0]["cam_instances"].values():
            for box in boxes:
                box["visibility"] = 1

    path = edited(hide)
    data = dataset(fake_root, path, min_visibility=2, filter_points=False)
    assert len(data.get_ann_info(0)["gt_labels_3d"]) == 0
    assert [text for text in said if "of lower visibility (min_visibility)" in text]
