import gc
import json
import os
import pickle
import signal
from multiprocessing import get_start_method
from subprocess import CompletedProcess

import pytest

from epropnp_det.datasets import create_nuscenes_infos, nuscenes_prepare
from epropnp_det.errors import UserError


def _front_image(root):
    return next((root / "samples" / "CAM_FRONT").iterdir())


def _edit(root, table, change):
    path = root / "v1.0-mini" / f"{table}.json"
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(json.dumps(rows))


@pytest.mark.parametrize("workers", [1, 2])
def test_splits_of_the_fake_dataroot(fake_root, tmp_path, workers):
    train, val = create_nuscenes_infos(
        fake_root, "v1.0-mini", tmp_path / "out", workers=workers, info_prefix="fake"
    )
    assert (train.frames, train.scenes, train.absent) == (2, 1, 7)
    assert (val.frames, val.scenes, val.absent) == (1, 1, 1)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "fake_infos_train.pkl",
        "fake_infos_val.pkl",
    ]
    content = pickle.loads(train.path.read_bytes())
    assert [x["sample_idx"] for x in content["data_list"]] == [0, 1]
    assert [x["token"] for x in content["data_list"]] == ["scene-0061-0", "scene-0061-1"]
    assert content["metainfo"]["version"] == "v1.0-mini"
    assert content["metainfo"]["categories"]["car"] == 0
    assert content["metainfo"]["categories"]["animal"] == -1


def test_scene_without_files_is_skipped_and_its_split_gets_no_file(fake_root, tmp_path):
    for path in fake_root.glob("samples/*/*-8.9*"):
        path.unlink()
    for path in fake_root.glob("samples/*/*-9.0*"):
        path.unlink()
    train, val = create_nuscenes_infos(fake_root, "v1.0-mini", tmp_path / "out")
    assert train.frames == 2
    assert (val.path, val.frames, val.absent) == (None, 0, 2)
    assert not (tmp_path / "out" / "nuscenes_infos_val.pkl").exists()


def test_test_version_has_no_annotations(fake_root, tmp_path):
    (fake_root / "v1.0-mini").rename(fake_root / "v1.0-test")
    path = fake_root / "v1.0-test" / "scene.json"
    path.write_text(path.read_text().replace('"name": "scene-0061"', '"name": "scene-0077"'))
    for table in ("sample_annotation", "instance"):
        (fake_root / "v1.0-test" / f"{table}.json").write_text("[]")
    (test,) = create_nuscenes_infos(fake_root, "v1.0-test", tmp_path)
    assert test.path.name == "nuscenes_infos_test.pkl"
    frame = pickle.loads(test.path.read_bytes())["data_list"][0]
    assert frame["instances"] == []
    assert "cam_instances" not in frame


def _drop(path):
    path.unlink()


def _empty(path):
    path.write_bytes(b"")


def _garbage(path):
    path.write_bytes(b"not an image, not a point cloud")


def _cut_short(path):
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("fault", [_drop, _empty, _garbage, _cut_short])
@pytest.mark.parametrize("folder", ["samples/CAM_FRONT", "samples/LIDAR_TOP", "sweeps/LIDAR_TOP"])
def test_broken_sensor_file_is_named(fake_root, tmp_path, fault, folder, workers):
    broken = sorted((fake_root / folder).iterdir())[-1]
    fault(broken)
    with pytest.raises(UserError, match=broken.name.replace(".", r"\.")):
        create_nuscenes_infos(fake_root, "v1.0-mini", tmp_path / "out", workers=workers)
    assert not list(tmp_path.glob("out/*"))


def test_image_of_another_size(fake_root):
    _edit(fake_root, "sample_data", lambda rows: [r.update(width=65) for r in rows if r["width"]])
    with pytest.raises(UserError, match="64x36 pixels where its table says 65x36"):
        create_nuscenes_infos(fake_root, "v1.0-mini")


def test_broken_tables_are_named(fake_root):
    table = fake_root / "v1.0-mini" / "sample.json"
    table.write_text(table.read_text()[:-20])
    with pytest.raises(UserError, match=r"sample\.json is not valid JSON"):
        create_nuscenes_infos(fake_root, "v1.0-mini")
    table.unlink()
    with pytest.raises(UserError, match=r"sample\.json is missing"):
        create_nuscenes_infos(fake_root, "v1.0-mini")


def test_tables_that_do_not_fit_together(fake_root):
    _edit(fake_root, "category", lambda rows: rows.pop(0))
    with pytest.raises(UserError, match="'vehicle.car' that is in none"):
        create_nuscenes_infos(fake_root, "v1.0-mini")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("table", "field"),
    [("sample_data", "ego_pose_token"), ("scene", "first_sample_token")],
)
def test_dangling_token_is_named(fake_root, table, field, workers):
    _edit(fake_root, table, lambda rows: rows[-1].update({field: "gone"}))
    with pytest.raises(UserError, match="refer to a record 'gone' that is in none"):
        create_nuscenes_infos(fake_root, "v1.0-mini", workers=workers)


def _killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(get_start_method() != "fork", reason="a fresh process knows no monkeypatch")
def test_killed_worker_is_noticed(fake_root, monkeypatch):
    monkeypatch.setattr(nuscenes_prepare, "frame_info", _killed)
    with pytest.raises(UserError, match="a worker was killed.*fewer --workers"):
        create_nuscenes_infos(fake_root, "v1.0-mini", workers=2)


def test_missing_map(fake_root):
    (fake_root / "maps" / "blank.png").unlink()
    with pytest.raises(UserError, match=r"blank\.png"):
        create_nuscenes_infos(fake_root, "v1.0-mini")


def test_wrong_root_and_version(fake_root, tmp_path):
    with pytest.raises(UserError, match="nowhere is not a folder"):
        create_nuscenes_infos(tmp_path / "nowhere", "v1.0-mini")
    with pytest.raises(UserError, match="versions under .*: v1.0-mini"):
        create_nuscenes_infos(fake_root, "v1.0-trainval")
    with pytest.raises(UserError, match="unknown version 'v2'"):
        create_nuscenes_infos(fake_root, "v2")


def test_no_scene_at_all(fake_root):
    _edit(fake_root, "scene", lambda rows: [r.update(name="scene-9999") for r in rows])
    with pytest.raises(UserError, match="no sensor data for any scene"):
        create_nuscenes_infos(fake_root, "v1.0-mini")


def test_folder_that_cannot_be_written(fake_root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--out-dir"):
        create_nuscenes_infos(fake_root, "v1.0-mini", tmp_path / "file" / "out")


@pytest.fixture
def command_line(run_script, repo_root, tmp_path):
    """Run the tool from another folder than that of the repository."""

    def run(*arguments: object) -> CompletedProcess:
        return run_script(tmp_path, repo_root / "tools/create_data.py", "nuscenes", *arguments)

    return run


def test_command_line(command_line, keyframe_root, tmp_path):
    args = ("--root", keyframe_root, "--version", "v1.0-mini", "--out-dir", tmp_path)
    done = command_line(*args, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "train: 1 frames of 1 scenes (7 scenes" in done.stdout
    assert "frame/s" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["nuscenes_infos_train.pkl"]


def test_command_line_tells_a_fault_in_one_line(command_line, fake_root, tmp_path):
    image = _front_image(fake_root)
    image.unlink()
    args = ("--root", fake_root, "--version", "v1.0-mini", "--out-dir", tmp_path / "out")
    done = command_line(*args, "--workers", 2)
    assert done.returncode == 2
    assert f"error: {image} is missing" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_workers_write_what_one_process_writes(fake_root, tmp_path):
    for workers in (1, 2):
        create_nuscenes_infos(fake_root, "v1.0-mini", tmp_path / str(workers), workers=workers)
    for name in ("nuscenes_infos_train.pkl", "nuscenes_infos_val.pkl"):
        # As text, in which an unknown velocity is equal to another.
        one, two = (pickle.loads((tmp_path / w / name).read_bytes()) for w in ("1", "2"))
        assert repr(one) == repr(two)


def test_a_frame_leaves_no_cycles_to_collect(fake_root, monkeypatch):
    found = []

    def collected(*args):
        gc.collect()
        info = frame_info(*args)
        found.append(gc.collect())
        return info

    frame_info = nuscenes_prepare.frame_info
    monkeypatch.setattr(nuscenes_prepare, "frame_info", collected)
    create_nuscenes_infos(fake_root, "v1.0-mini")
    assert found == [0, 0, 0]


@pytest.mark.parametrize(("frames", "workers"), [(1, 8), (46, 2), (404, 2), (34149, 8)])
def test_chunks_keep_all_workers_busy_to_the_end(frames, workers):
    size = nuscenes_prepare._chunk_size(frames, workers)
    assert 1 <= size <= 8
    assert size == 1 or frames / size >= 10 * workers
