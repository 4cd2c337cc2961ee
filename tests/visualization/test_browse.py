import pickle

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from nuscenes import NuScenes

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.datasets.info_file import read_info_file
from epropnp_det.datasets.nuscenes_info import SensorPose
from epropnp_det.datasets.nuscenes_names import CAMERAS
from epropnp_det.errors import UserError
from epropnp_det.synthetic import Settings, generate
from epropnp_det.visualization.browse import (
    browse,
    camera_boxes,
    info_file_of_split,
    lidar_boxes,
    save_keyframe,
)
from epropnp_det.visualization.depth import draw_points_on_image
from epropnp_det.visualization.overview import ground_truth

CAM2IMG = np.array([[300.0, 0, 200], [0, 300, 100], [0, 0, 1]])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("browse") / "data"
    generate(Settings(1, 2, 2, image_size=(64, 36)), root)
    create_nuscenes_infos(root, "v1.0-mini")
    return root


@pytest.fixture(scope="module")
def info_file(root):
    return info_file_of_split(root, "train")


@pytest.fixture(scope="module")
def frame(info_file):
    return read_info_file(str(info_file))["data_list"][0]


def test_a_sheet_for_each_keyframe_and_nothing_else(info_file, root, tmp_path):
    assert browse(info_file, root, tmp_path / "new") == 2
    pictures = sorted((tmp_path / "new").iterdir())
    assert [path.name[:6] for path in pictures] == ["00000_", "00001_"]
    assert all(imread(path).std() > 0.1 for path in pictures)


def test_pictures_that_are_there_are_kept_unless_told_otherwise(info_file, root, tmp_path, frame):
    path = tmp_path / f"00000_{frame['token']}.png"
    path.write_bytes(b"kept")
    assert browse(info_file, root, tmp_path, num=1) == 0
    assert path.read_bytes() == b"kept"
    assert browse(info_file, root, tmp_path, num=1, overwrite=True) == 1
    assert path.read_bytes() != b"kept"
    assert browse(info_file, root, tmp_path, start=1) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_boxes_are_the_devkits_in_every_camera_and_from_above(root, frame):
    nusc = NuScenes("v1.0-mini", str(root), verbose=False)
    sample = nusc.get("sample", frame["token"])
    truth = ground_truth(nusc, sample)
    to_lidar = SensorPose.of(nusc, sample["data"]["LIDAR_TOP"]).global2sensor
    above = lidar_boxes(frame["instances"])
    assert above.names == truth.names
    # An info file has a yaw for an orientation: a tilted sensor's boxes are centimetres off.
    np.testing.assert_allclose(above.corners, truth.transformed(to_lidar).corners, atol=0.2)
    shown = 0
    for camera in CAMERAS:
        boxes = camera_boxes(frame["cam_instances"][camera])
        expected = truth.transformed(SensorPose.of(nusc, sample["data"][camera]).global2sensor)
        for corners in boxes.corners:
            gaps = np.abs(expected.corners - corners).max(axis=(1, 2))
            assert gaps.min() < 0.2
        shown += len(boxes)
    assert shown >= len(truth) > 10


def test_boxes_without_a_point_or_of_no_class_are_left_out(frame):
    instances = [dict(item, bbox_3d_isvalid=True) for item in frame["instances"][:4]]
    instances[1]["bbox_3d_isvalid"] = False
    instances[2]["bbox_label_3d"] = -1
    assert len(lidar_boxes(instances)) == 2
    assert len(lidar_boxes(instances, all_boxes=True)) == 3
    assert len(camera_boxes(())) == 0


def test_points_are_drawn_where_they_project_in_the_colour_of_their_depth():
    ax = Figure().add_subplot()
    draw_points_on_image(ax, np.array([[0.0, 0, 10], [1, -0.5, 20]]), CAM2IMG)
    (drawn,) = ax.collections
    np.testing.assert_allclose(drawn.get_offsets(), [[200, 100], [215, 92.5]])
    np.testing.assert_allclose(drawn.get_array(), [10, 20])
    draw_points_on_image(ax, np.zeros((0, 3)), CAM2IMG)


def test_lidar_points_go_through_the_cameras_own_ego_pose(root, frame, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "epropnp_det.visualization.surround.draw_points_on_image",
        lambda ax, points, cam2img: drawn.append(points),
    )
    save_keyframe(tmp_path / "a.png", frame, root)
    nusc = NuScenes("v1.0-mini", str(root), verbose=False)
    data = nusc.get("sample", frame["token"])["data"]
    lidar, camera = (SensorPose.of(nusc, data[name]) for name in ("LIDAR_TOP", "CAM_FRONT_LEFT"))
    points = np.fromfile(nusc.get_sample_data_path(data["LIDAR_TOP"]), np.float32).reshape(-1, 5)
    transform = lidar.to(camera)
    there = points[:, :3] @ transform[:3, :3].T + transform[:3, 3]
    cloud = drawn[2]  # third in the layout
    assert len(drawn) == 6 and len(cloud) > 100
    gaps = np.linalg.norm(cloud[:50, None] - there, axis=-1).min(axis=1)
    assert gaps.max() < 1e-3


def test_frame_without_annotations(root, frame, tmp_path):
    bare = {key: value for key, value in frame.items() if key != "cam_instances"}
    save_keyframe(tmp_path / "a.png", bare | {"instances": []}, root)
    assert (tmp_path / "a.png").stat().st_size


def test_real_keyframe(keyframe_root, tmp_path):
    create_nuscenes_infos(keyframe_root, "v1.0-mini", tmp_path)
    assert browse(tmp_path / "nuscenes_infos_train.pkl", keyframe_root, tmp_path / "out") == 1
    (path,) = (tmp_path / "out").iterdir()
    assert imread(path).std() > 0.1


def test_what_is_missing_is_named(info_file, root, tmp_path, frame):
    with pytest.raises(UserError, match=r"absent\.pkl does not exist"):
        browse(tmp_path / "absent.pkl", root, tmp_path)
    other = tmp_path / "kitti.pkl"
    other.write_bytes(pickle.dumps({"metainfo": {}, "data_list": [{"images": {"CAM2": {}}}]}))
    with pytest.raises(UserError, match=r"kitti\.pkl is not of nuScenes data"):
        browse(other, root, tmp_path)
    with pytest.raises(UserError, match="absent is not a folder"):
        browse(info_file, tmp_path / "absent", tmp_path)
    with pytest.raises(UserError, match=r"no info file of split vall \(it has: train\)"):
        info_file_of_split(root, "vall")
    with pytest.raises(UserError, match="keyframes 0 to 1, not --start 2"):
        browse(info_file, root, tmp_path, start=2)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="name another place with --out"):
        browse(info_file, root, tmp_path / "file")


@pytest.mark.parametrize("broken", ["image", "points"])
def test_missing_and_broken_sensor_data(broken, info_file, root, tmp_path, frame):
    copy = tmp_path / "data"
    (copy / "samples" / "LIDAR_TOP").mkdir(parents=True)
    path = copy / "samples" / "LIDAR_TOP" / frame["lidar_points"]["lidar_path"]
    if broken == "image":
        np.zeros((3, 5), np.float32).tofile(path)
        image = frame["images"]["CAM_FRONT"]["img_path"]
        path = copy / "samples" / "CAM_FRONT" / image
        path.parent.mkdir()
    with pytest.raises(UserError, match=f"{path} is missing"):
        browse(info_file, copy, tmp_path / "out")
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=f"{path} is not readable"):
        browse(info_file, copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()
