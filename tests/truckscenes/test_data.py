"""A simulated dataset in TruckScenes' format: its devkit reads it, and the info files are right."""

import json
import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from epropnp_det.datasets import NuScenesMonoDataset, Rig, create_nuscenes_infos
from epropnp_det.datasets.check import check_info_file, error_sentence
from epropnp_det.datasets.nuscenes_tables import load_tables
from epropnp_det.datasets.own_splits import add_split
from epropnp_det.datasets.point_files import check_points, read_points
from epropnp_det.engine.config_checks import check_attributes, check_classes
from epropnp_det.errors import UserError
from epropnp_det.synthetic import Settings, generate
from epropnp_det.visualization.browse import browse
from epropnp_det.visualization.overview import sample_surround, save_overview
from epropnp_det.visualization.surround import layout

pytest.importorskip("truckscenes", reason="truckscenes-devkit is not installed")
from truckscenes import TruckScenes  # noqa: E402
from truckscenes.utils.data_classes import LidarPointCloud  # noqa: E402

VERSION = "v1.2-mini"


@pytest.fixture(scope="module")
def tables(truck_root) -> TruckScenes:
    return load_tables(truck_root, VERSION)


@pytest.fixture(scope="module")
def infos(truck_root) -> dict:
    return pickle.loads((truck_root / "truckscenes_infos_train.pkl").read_bytes())


@pytest.fixture
def copied(truck_root, tmp_path):
    return shutil.copytree(truck_root, tmp_path / "data")


def test_the_devkit_reads_tables_and_points(tables, truck_rig):
    assert isinstance(tables, TruckScenes) and not hasattr(tables, "map")
    assert len(tables.sample) == 4 and len(tables.sample_data) == 4 * 5
    assert {row["category_name"] for row in tables.sample_annotation} >= {
        "animal",
        "static_object.traffic_sign",
    }
    data = tables.get("sample_data", tables.sample[0]["data"][truck_rig.lidar])
    path = tables.get_sample_data_path(data["token"])
    cloud = LidarPointCloud.from_file(path)
    with open(path, "rb") as file:
        points = read_points(file.read(), path)
    assert len(points) > 1000
    np.testing.assert_array_equal(cloud.points[:3].T, points)


def test_motions_are_those_of_the_poses(tables):
    first, second = tables.ego_motion_chassis[:2]
    assert first["timestamp"] == tables.sample[0]["timestamp"]
    poses = {row["timestamp"]: row for row in tables.ego_pose}
    moved = np.subtract(
        poses[second["timestamp"]]["translation"], poses[first["timestamp"]]["translation"]
    )
    seconds = (second["timestamp"] - first["timestamp"]) / 1e6
    speed = np.hypot(first["vx"], first["vy"])
    assert np.linalg.norm(moved) / seconds == pytest.approx(speed, rel=0.05)
    turned = (second["yaw"] - first["yaw"]) / seconds
    assert turned == pytest.approx((first["yaw_rate"] + second["yaw_rate"]) / 2, abs=0.02)


def test_info_files(infos, truck_root, truck_rig, tables):
    meta, frames = infos["metainfo"], infos["data_list"]
    assert Rig.of_metainfo(meta) == truck_rig and meta["dataset"] == "truckscenes"
    # Nothing in it needs OpenMMLab to be unpacked.
    assert b"mmengine" not in (truck_root / "truckscenes_infos_train.pkl").read_bytes()
    for frame in frames:
        assert tuple(frame["images"]) == truck_rig.cameras
        assert (truck_root / frame["lidar_points"]["lidar_path"]).suffix == ".pcd"
        for image in frame["images"].values():
            assert (truck_root / image["img_path"]).is_file()
    shown = [x for f in frames for each in f["cam_instances"].values() for x in each]
    assert {x["bbox_label_3d"] for x in shown} <= set(range(12))
    by_token = {row["token"]: row for row in tables.sample_annotation}
    levels = {row["token"]: row["level"] for row in tables.visibility}
    for instance in shown:
        row = by_token[instance["ann_token"]]
        assert instance["visibility"] == levels[row["visibility_token"]]
        name = truck_rig.classes[instance["bbox_label_3d"]]
        if name in ("animal", "barrier", "traffic_cone"):
            assert instance["attr_label"] == truck_rig.no_attribute
        else:
            fitting = truck_rig.kit.fitting_attributes(name)
            assert truck_rig.attributes[instance["attr_label"]] in fitting


def test_nothing_is_wrong_with_them(truck_root):
    report = check_info_file(truck_root / "truckscenes_infos_train.pkl", truck_root)
    assert error_sentence([report]) is None
    assert any("traffic_sign" in line for line in report.lines())


def test_command_line(run_script, repo_root, truck_root, tmp_path):
    words = ["--root", truck_root, "--version", VERSION, "--out-dir", tmp_path, "--workers", "2"]
    config = repo_root / "configs/_base_/datasets/truckscenes_mono3d.py"
    words += ["--rig", config, "--info-prefix", "truckscenes"]
    done = run_script(tmp_path, repo_root / "tools" / "create_data.py", "nuscenes", *words)
    assert done.returncode == 0, done.stderr
    for name in ("truckscenes_infos_train.pkl", "truckscenes_infos_val.pkl"):
        written, made = (
            pickle.loads((root / name).read_bytes()) for root in (tmp_path, truck_root)
        )
        assert repr(written) == repr(made)


def test_tables_of_another_dataset(truck_root, truck_rig, tmp_path):
    with pytest.raises(UserError, match="holds tables of MAN TruckScenes, and the rig is of nuSc"):
        create_nuscenes_infos(truck_root, VERSION, tmp_path)
    generate(Settings(1, 1, 1, image_size=(64, 36)), tmp_path / "car")
    with pytest.raises(UserError, match="tables of nuScenes, and the rig is of MAN TruckScenes"):
        create_nuscenes_infos(tmp_path / "car", "v1.0-mini", tmp_path, rig=truck_rig)


def test_a_table_that_only_it_has(copied, truck_rig):
    (copied / VERSION / "ego_motion_cabin.json").unlink()
    with pytest.raises(UserError, match="ego_motion_cabin.json is missing"):
        create_nuscenes_infos(copied, VERSION, rig=truck_rig)


def test_early_tables_without_weather_open_quietly(copied):
    (copied / VERSION / "weather_annotation.json").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_tables(copied, VERSION).weather_annotation == []


def test_own_splits_are_not_read_by_its_devkit(copied):
    with pytest.raises(UserError, match="MAN TruckScenes reads no splits but its own"):
        add_split(copied, VERSION, "mine", ["scene"])


def test_attributes_that_are_nuscenes_no_more(copied, truck_rig):
    path = copied / VERSION / "attribute.json"
    rows = json.loads(path.read_text())
    for row in rows:
        row["name"] = row["name"].replace("pole_mounted", "on_a_wall")
    path.write_text(json.dumps(rows))
    said = "traffic_sign.on_a_wall, which the detection of MAN TruckScenes does not know"
    with pytest.raises(UserError, match=said):
        create_nuscenes_infos(copied, VERSION, rig=truck_rig)


def test_the_data_set(truck_root, truck_rig):
    settings = {"data_root": str(truck_root), "ann_file": "truckscenes_infos_train.pkl"}
    data = NuScenesMonoDataset(**settings, rig=truck_rig.as_dict())
    assert len(data) == 2 * 4
    assert data.metainfo["classes"] == truck_rig.classes
    labels = np.concatenate([data.get_ann_info(i)["gt_labels_3d"] for i in range(len(data))])
    assert truck_rig.classes.index("traffic_sign") in labels
    assert data.get_data_info(0)["lidar_points"]["lidar_path"].endswith(".pcd")
    wanted = ["traffic_sign", "car"]
    some = NuScenesMonoDataset(
        **settings, rig=truck_rig.as_dict(), metainfo={"classes": wanted}, filter_empty_gt=False
    )
    kept = np.concatenate([some.get_ann_info(i)["gt_labels_3d"] for i in range(len(some))])
    places = [truck_rig.classes.index(name) for name in wanted]
    counts = [int((labels == place).sum()) for place in places]
    assert [int((kept == label).sum()) for label in (0, 1)] == counts
    with pytest.raises(UserError, match="was made with another rig"):
        NuScenesMonoDataset(**settings)


def test_configs_that_do_not_agree_with_the_rig(truck_rig):
    dataset = {"type": "NuScenesMonoDataset", "rig": truck_rig.as_dict()}
    head = {"num_classes": 10, "num_attrs": 9}
    cfg = Config({"train_dataloader": {"dataset": dataset}, "model": {"bbox_head": head}})
    with pytest.raises(UserError, match="has 12 classes, but model.bbox_head.num_classes 10"):
        check_classes(cfg, ["train_dataloader"])
    with pytest.raises(UserError, match="rig.attributes names 11, so .*num_attrs must be 12"):
        check_attributes(cfg, ["train_dataloader"])
    head |= {"num_classes": 12, "num_attrs": 12}
    cfg = Config({"train_dataloader": {"dataset": dataset}, "model": {"bbox_head": head}})
    check_classes(cfg, ["train_dataloader"])
    check_attributes(cfg, ["train_dataloader"])


def test_point_clouds_that_are_broken(tables, truck_rig, tmp_path):
    data = tables.get("sample_data", tables.sample[0]["data"][truck_rig.lidar])
    content = Path(tables.dataroot, data["filename"]).read_bytes()
    path = tmp_path / "sweep.pcd"
    path.write_bytes(content)
    check_points(path)
    path.write_bytes(content[:-5])
    with pytest.raises(UserError, match="is cut short"):
        check_points(path)
    path.write_bytes(content.replace(b"FIELDS x", b"FIELDS q", 1))
    with pytest.raises(UserError, match="is no PCD file of points with x, y and z"):
        check_points(path)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="is no PCD file"):
        check_points(path)


def test_pictures(truck_root, tables, tmp_path):
    assert browse(truck_root / "truckscenes_infos_val.pkl", truck_root, tmp_path, num=1) == 1
    scene = sample_surround(tables, tables.sample[0]["token"])
    poses = {name: camera.camera_to_ego for name, camera in scene.cameras.items()}
    assert layout(poses) == [
        ["CAMERA_LEFT_FRONT", "CAMERA_RIGHT_FRONT"],
        ["CAMERA_LEFT_BACK", "CAMERA_RIGHT_BACK"],
    ]
    assert "traffic_sign" in scene.classes
    assert all(
        len(camera.ground_truth) == len(scene.ground_truth) for camera in scene.cameras.values()
    )
    path = tmp_path / "overview.png"
    save_overview(path, tables, tables.sample[0]["token"], [])
    assert path.stat().st_size > 10_000
