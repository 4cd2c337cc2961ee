"""What a submission to the leaderboard is refused for, and the archive."""

import json
import pickle
import shutil
import zipfile

import pytest
from nuscenes import NuScenes

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.errors import UserError
from epropnp_det.evaluation.leaderboard import (
    LeaderboardSplit,
    check_modality,
    check_submission,
    zip_submission,
)
from epropnp_det.evaluation.submission import write_submission
from epropnp_det.synthetic import Settings, generate

BOX = {
    "translation": [0.0, 0, 0],
    "size": [2.0, 4, 1.5],
    "rotation": [1.0, 0, 0, 0],
    "velocity": [0.0, 0],
    "detection_name": "car",
    "detection_score": 0.5,
    "attribute_name": "vehicle.parked",
}
CAMERA = {"use_camera": True}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two keyframes of a validation scene, and one to train on."""
    path = tmp_path_factory.mktemp("leaderboard")
    generate(Settings(2, 1, 2, image_size=(64, 36)), path)
    create_nuscenes_infos(path, "v1.0-mini")
    return path


@pytest.fixture
def submission(tmp_path):
    """Function that writes a submission of so many boxes for samples a and b."""

    def write(a: int = 2, b: int = 0, modality: dict = CAMERA, **changes):
        results = {"a": [{**BOX, "sample_token": "a", **changes}] * a}
        results["b"] = [{**BOX, "sample_token": "b"}] * b
        content = {"meta": modality, "results": results}
        (tmp_path / "results_nusc.json").write_text(json.dumps(content))
        return tmp_path / "results_nusc.json"

    return write


def test_the_split_has_every_sample_of_its_scenes(root):
    split = LeaderboardSplit.find(root, "v1.0-mini", ".")
    tables = NuScenes("v1.0-mini", str(root), verbose=False)
    val = {scene["token"] for scene in tables.scene if scene["name"] == "scene-0103"}
    assert set(split.tokens) == {s["token"] for s in tables.sample if s["scene_token"] in val}
    assert (split.name, len(split.tokens), split.scenes, split.all_scenes) == ("mini_val", 2, 1, 2)
    assert split.info_file == root / "nuscenes_infos_val.pkl"


def test_a_split_that_is_named(root):
    split = LeaderboardSplit.find(root, "v1.0-mini", ".", "train")
    assert (split.name, split.scenes, split.all_scenes) == ("mini_train", 1, 8)
    assert split.info_file == root / "nuscenes_infos_train.pkl"


def test_a_split_that_is_not_there(root, tmp_path):
    with pytest.raises(UserError, match="v1.0-mini has no split test: name train or val with"):
        LeaderboardSplit.find(root, "v1.0-mini", ".", "test")
    tables = tmp_path / "v1.0-mini"
    shutil.copytree(root / "v1.0-mini", tables)
    scenes = json.loads((tables / "scene.json").read_text())
    kept = [scene for scene in scenes if scene["name"] != "scene-0103"]
    (tables / "scene.json").write_text(json.dumps(kept))
    with pytest.raises(UserError, match=r"no scene of split val \(mini_val\): name --split train"):
        LeaderboardSplit.find(tmp_path, "v1.0-mini", ".")
    (tables / "scene.json").write_text("[]")
    with pytest.raises(UserError, match=r"no scene of split val \(mini_val\): name another --root"):
        LeaderboardSplit.find(tmp_path, "v1.0-mini", ".")


def test_what_a_dataroot_is_refused_for(root, tmp_path):
    with pytest.raises(UserError, match="set data_root"):
        LeaderboardSplit.find(root, "v1.0-test", ".")
    command = "tools/create_data.py nuscenes --root .* --version v1.0-mini"
    with pytest.raises(UserError, match=f"does not exist: make it with `python {command}"):
        LeaderboardSplit.find(root, "v1.0-mini", tmp_path)

    content = pickle.loads((root / "nuscenes_infos_val.pkl").read_bytes())
    part = {**content, "data_list": content["data_list"][:1]}
    (tmp_path / "nuscenes_infos_val.pkl").write_bytes(pickle.dumps(part))
    with pytest.raises(UserError, match="lacks 1 of the 2 samples of split mini_val"):
        LeaderboardSplit.find(root, "v1.0-mini", tmp_path)

    other = {**content, "metainfo": {**content["metainfo"], "version": "v1.0-trainval"}}
    (tmp_path / "nuscenes_infos_val.pkl").write_bytes(pickle.dumps(other))
    with pytest.raises(UserError, match="is of v1.0-trainval, not v1.0-mini"):
        LeaderboardSplit.find(root, "v1.0-mini", tmp_path)


def test_a_sound_submission_passes_and_is_packed_alone(tmp_path):
    path = tmp_path / "results_nusc.json"
    boxes = [{**BOX, "sample_token": "a"}] * 500
    write_submission(path, {"a": boxes, "b": []}, CAMERA, 500)
    assert check_submission(path, ["a", "b"]) == 500
    zip_submission(path, tmp_path / "new" / "submission.zip")
    with zipfile.ZipFile(tmp_path / "new" / "submission.zip") as archive:
        assert archive.namelist() == ["results_nusc.json"]
        assert archive.read("results_nusc.json") == path.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": 501}, "Only <= 500 boxes per sample"),
        ({"b": 501}, "Only <= 500 boxes per sample"),
        ({"detection_name": "cow"}, "does not accept"),
        ({"detection_score": float("nan")}, "does not accept"),
        ({"modality": {}}, "reads cameras alone"),
        ({"modality": {**CAMERA, "use_lidar": True}}, "correct test_evaluator.modality"),
    ],
)
def test_refused_submission(submission, content, said):
    with pytest.raises(UserError, match=said):
        check_submission(submission(**content), ["a", "b"])


def test_samples_are_those_of_the_split(submission, tmp_path):
    with pytest.raises(UserError, match="lacks 1 samples of the split .such as c"):
        check_submission(submission(), ["a", "b", "c"])
    with pytest.raises(UserError, match="has 1 samples that are not of the split .such as b"):
        check_submission(submission(), ["a"])
    with pytest.raises(UserError, match="run the test first"):
        check_submission(tmp_path / "absent.json", ["a"])
    (tmp_path / "cut.json").write_text('{"results": {')
    with pytest.raises(UserError, match="does not accept"):
        check_submission(tmp_path / "cut.json", ["a"])


def test_external_data_is_the_submitters_to_declare():
    check_modality({**CAMERA, "use_external": True}, "config")
