import shutil

import matplotlib.pyplot as plt
import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.utils import splits
from nuscenes.utils.geometry_utils import points_in_box, transform_matrix
from pyquaternion import Quaternion

from epropnp_det.datasets.nuscenes_prepare import create_nuscenes_infos
from epropnp_det.errors import UserError
from epropnp_det.synthetic import Settings, generate, plan
from epropnp_det.synthetic.output import MANIFEST
from epropnp_det.synthetic.plan import plan_scenes, token
from epropnp_det.synthetic.render import render
from epropnp_det.synthetic.rig import LIDAR, SENSORS


def contents(root):
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def lidar_points(nusc, sample):
    """Saved points in the global frame, (3, P)."""
    data = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    points = np.fromfile(nusc.get_sample_data_path(data["token"]), np.float32).reshape(-1, 5)
    pose = np.eye(4)
    for table, key in (
        ("ego_pose", data["ego_pose_token"]),
        ("calibrated_sensor", data["calibrated_sensor_token"]),
    ):
        record = nusc.get(table, key)
        pose = pose @ transform_matrix(record["translation"], Quaternion(record["rotation"]))
    return pose[:3, :3] @ points[:, :3].T + pose[:3, 3:]


def test_devkit_reads_every_table_and_file(tiny_root, settings, capsys):
    nusc = NuScenes(settings.version, str(tiny_root), verbose=True)
    nusc.list_scenes()
    assert "scene-0061" in capsys.readouterr().out
    assert all(getattr(nusc, table) for table in nusc.table_names)
    assert len(nusc.sample_data) == 2 * len(SENSORS)
    for data in nusc.sample_data:
        path, boxes, intrinsic = nusc.get_sample_data(data["token"])
        assert (tiny_root / data["filename"]).samefile(path)
        if data["sensor_modality"] == "camera":
            assert (data["width"], data["height"]) == settings.image_size
            assert boxes is not None and intrinsic.shape == (3, 3)


def test_devkit_draws_it(tiny_nusc, tmp_path):
    sample = tiny_nusc.sample[0]
    tiny_nusc.render_sample(sample["token"], out_path=str(tmp_path / "sample.png"), verbose=False)
    tiny_nusc.render_annotation(sample["anns"][0], out_path=str(tmp_path / "annotation.png"))
    tiny_nusc.render_pointcloud_in_image(sample["token"], out_path=str(tmp_path / "points.png"))
    assert {path.stem for path in tmp_path.iterdir()} == {"sample", "annotation", "points"}
    plt.close("all")


def test_every_sensor_has_its_own_time_and_pose(tiny_nusc):
    sample = tiny_nusc.sample[0]
    data = [tiny_nusc.get("sample_data", key) for key in sample["data"].values()]
    poses = [tiny_nusc.get("ego_pose", record["ego_pose_token"]) for record in data]
    assert len({record["timestamp"] for record in data}) == len(SENSORS)
    assert len({tuple(pose["translation"]) for pose in poses}) == len(SENSORS)
    assert [pose["timestamp"] for pose in poses] == [record["timestamp"] for record in data]


def test_lidar_points_in_boxes_are_as_many_as_the_tables_say(tiny_nusc):
    counts = []
    for sample in tiny_nusc.sample:
        points = lidar_points(tiny_nusc, sample)
        assert points[2].min() > -1e-3  # nothing below the ground
        for key in sample["anns"]:
            inside = points_in_box(tiny_nusc.get_box(key), points).sum()
            counts.append((inside, tiny_nusc.get("sample_annotation", key)["num_lidar_pts"]))
    assert all(inside == said for inside, said in counts)
    assert sum(said > 0 for _, said in counts) > 20


def test_velocity_and_attribute_follow_from_the_motion(tiny_nusc, settings):
    (scene,) = plan_scenes(settings)
    things = {
        token(settings.seed, "instance", scene.number, i): thing
        for i, thing in enumerate(scene.world.things)
    }
    moved = 0
    for annotation in tiny_nusc.sample_annotation:
        thing = things[annotation["instance_token"]]
        if annotation["prev"] or annotation["next"]:
            velocity = tiny_nusc.box_velocity(annotation["token"])
            np.testing.assert_allclose(velocity, [*thing.velocity, 0], atol=1e-6)
            moved += bool(np.any(thing.velocity))
        names = [tiny_nusc.get("attribute", key)["name"] for key in annotation["attribute_tokens"]]
        standing = {"vehicle.parked", "pedestrian.standing", "cycle.without_rider"}
        assert all((name not in standing) == bool(np.any(thing.velocity)) for name in names)
    assert moved


def test_visibility_has_several_levels(tiny_nusc):
    levels = {annotation["visibility_token"] for annotation in tiny_nusc.sample_annotation}
    assert {"1", "4"} <= levels <= {"1", "2", "3", "4"}


def test_same_seed_same_bytes_in_any_number_of_processes(tiny_root, settings, tmp_path):
    generate(settings, tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(tiny_root)


def test_resuming_fills_the_gaps_and_renders_nothing_twice(tiny_root, settings, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(tiny_root, root)
    shutil.rmtree(root / settings.version)
    images = sorted(root.glob("samples/CAM_*/*.jpg"))
    images[0].unlink()
    images[1].write_bytes(b"kept")
    assert generate(settings, root)
    assert images[1].read_bytes() == b"kept"
    again, original = contents(root), contents(tiny_root)
    again.pop(str(images[1].relative_to(root)))
    assert original.items() >= again.items() and len(again) == len(original) - 1


def test_interrupted_run_goes_on_with_what_is_not_done(
    tiny_root, settings, tmp_path, monkeypatch, capsys
):
    root, seeds = tmp_path / "data", []

    def interrupted(*arguments, seed):
        seeds.append(seed)
        if len(seeds) == 8:
            raise KeyboardInterrupt
        return render(*arguments, seed=seed)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("epropnp_det.synthetic.render.render", interrupted)
        generate(settings, root)
    assert not (root / settings.version).exists()
    (first,) = (root / "samples/LIDAR_TOP").iterdir()
    written = first.stat().st_mtime_ns
    assert generate(settings, root)
    assert "6 images to write" in capsys.readouterr().out
    assert first.stat().st_mtime_ns == written
    assert contents(root) == contents(tiny_root)


def test_complete_dataset_is_left_alone(tiny_root, settings):
    before = contents(tiny_root)
    assert not generate(settings, tiny_root)
    assert contents(tiny_root) == before


def test_folder_of_other_settings_or_other_content_is_refused(tiny_root, tmp_path):
    with pytest.raises(UserError, match="other settings"):
        generate(Settings(1, 2, 2, seed=4, image_size=(160, 96)), tiny_root)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / MANIFEST).write_text('{"format":')
    with pytest.raises(UserError, match=r"synthetic\.json is not valid JSON"):
        generate(Settings(1, 1, 1), tmp_path / "broken")
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(UserError, match="not empty"):
        generate(Settings(1, 1, 1), tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        {"scenes": 11},
        {"scenes": 0},
        {"samples_per_scene": 0},
        {"seed": -1},
        {"image_size": (16, 9)},
        {"version": "v1.0"},
    ],
)
def test_impossible_settings_are_refused(arguments):
    with pytest.raises(UserError):
        Settings(**{"scenes": 1, "samples_per_scene": 1, "val_samples_per_scene": 1} | arguments)


@pytest.mark.parametrize(
    "version, scenes, val",
    [
        ("v1.0-mini", 1, 0),
        ("v1.0-mini", 2, 1),
        ("v1.0-mini", 3, 1),
        ("v1.0-mini", 10, 2),
        ("v1.0-trainval", 1, 0),
        ("v1.0-trainval", 14, 3),
        ("v1.0-test", 3, 0),
    ],
)
def test_scene_names_belong_to_the_splits(version, scenes, val):
    main, held_out = {
        "v1.0-mini": (splits.mini_train, splits.mini_val),
        "v1.0-trainval": (splits.train, splits.val),
        "v1.0-test": (splits.test, []),
    }[version]
    planned = plan_scenes(Settings(scenes, 2, 1, version=version))
    assert sum(scene.name in held_out for scene in planned) == val
    assert sum(scene.name in main for scene in planned) == scenes - val
    assert all(len(s.keyframes) == (1 if s.name in held_out else 2) for s in planned)


@pytest.mark.parametrize("version, limit", [("v1.0-trainval", 850), ("v1.0-test", 150)])
def test_a_version_holds_as_many_scenes_as_the_real_one(version, limit, monkeypatch):
    monkeypatch.setattr(plan, "build_world", lambda *_: None)
    names = [scene.name for scene in plan_scenes(Settings(limit, 1, 1, version=version))]
    parts = ("train", "val") if version == "v1.0-trainval" else ("test",)
    assert sorted(names) == sorted(name for part in parts for name in getattr(splits, part))
    with pytest.raises(UserError, match=f"{limit + 1} scenes: {version} can hold 1 to {limit}"):
        Settings(limit + 1, 1, 1, version=version)


def test_more_scenes_extend_a_dataset_and_no_two_are_alike():
    few, more = (
        {scene.name: scene for scene in plan_scenes(Settings(count, 2, 1))} for count in (4, 7)
    )
    assert few.keys() < more.keys()
    for name, scene in few.items():
        assert more[name].keyframes == scene.keyframes
        assert more[name].world.things == scene.world.things
    starts = [scene.world.things[0] for scene in more.values()]
    assert all(one != other for i, one in enumerate(starts) for other in starts[:i])


def test_test_version_has_images_and_sweeps_but_no_annotations(tmp_path):
    root = tmp_path / "data"
    settings = Settings(1, 1, 1, image_size=(96, 64), version="v1.0-test")
    generate(settings, root)
    nusc = NuScenes("v1.0-test", str(root), verbose=False)
    assert nusc.sample_annotation == nusc.instance == []
    assert nusc.category and nusc.attribute and nusc.visibility
    (sample,) = nusc.sample
    assert len(sample["data"]) == len(SENSORS) and not sample["anns"]
    (summary,) = create_nuscenes_infos(str(root), "v1.0-test", str(tmp_path), 1)
    assert (summary.name, summary.frames) == ("test", 1)


def test_folder_says_that_it_is_synthetic(tiny_root, tiny_nusc):
    assert "simulated" in (tiny_root / "README.md").read_text()
    assert {log["location"] for log in tiny_nusc.log} == {"synthetic"}


def test_info_files_are_built_from_it(tiny_root, settings, tmp_path):
    create_nuscenes_infos(str(tiny_root), settings.version, str(tmp_path), 1)
    infos = np.load(tmp_path / "nuscenes_infos_train.pkl", allow_pickle=True)["data_list"]
    (scene,) = plan_scenes(settings)
    assert len(infos) == len(scene.keyframes)
    for info, keyframe in zip(infos, scene.keyframes, strict=True):
        sensors = {sensor.channel: sensor for sensor in SENSORS}
        files = {**info["images"], LIDAR.channel: info["lidar_points"]}
        assert set(files) == set(sensors)
        for channel, file in files.items():
            expected = scene.world.ego.pose(keyframe.time(sensors[channel]))
            np.testing.assert_allclose(file["ego2global"], expected, rtol=0, atol=1e-6)
        assert any(info["cam_instances"].values())
