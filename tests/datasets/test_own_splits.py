"""Splits of one's own."""

import json
import pickle

import pytest

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.datasets.own_splits import add_split, read_own_splits, scenes_of
from epropnp_det.errors import UserError


@pytest.fixture
def tables(fake_root):
    """Folder of the tables of two scenes."""
    return fake_root / "v1.0-mini"


def test_splits_stand_beside_each_other(fake_root, tables):
    assert read_own_splits(tables) == {}
    path = add_split(fake_root, "v1.0-mini", "one", ["scene-0061"])
    add_split(fake_root, "v1.0-mini", "both", ["scene-0103", "scene-0061", "scene-0061"])
    both = ["scene-0061", "scene-0103"]
    assert json.loads(path.read_text()) == {"one": ["scene-0061"], "both": both}
    assert read_own_splits(tables) == {"one": ["scene-0061"], "both": both}


def test_another_split_of_the_name(fake_root, tables):
    add_split(fake_root, "v1.0-mini", "mine", ["scene-0061"])
    add_split(fake_root, "v1.0-mini", "mine", ["scene-0061"])
    with pytest.raises(UserError, match="has a split mine of 1 scenes: .* with --overwrite"):
        add_split(fake_root, "v1.0-mini", "mine", ["scene-0103"])
    add_split(fake_root, "v1.0-mini", "mine", ["scene-0103"], overwrite=True)
    assert read_own_splits(tables) == {"mine": ["scene-0103"]}


@pytest.mark.parametrize(
    ("version", "name", "scene", "said"),
    [
        ("v1.0-mini", "mini_val", "scene-0061", "the devkit has a split mini_val already"),
        ("v1.0-mini", "mine", "scene-9", "have no scene scene-9: name some of scene-0061, scene"),
        ("v1.0-test", "mine", "scene-0061", "v1.0-test does not exist: name another --version"),
    ],
)
def test_what_cannot_be_a_split(fake_root, tables, version, name, scene, said):
    with pytest.raises(UserError, match=said):
        add_split(fake_root, version, name, [scene])
    assert not (tables / "splits.json").exists()


def test_scenes_of_an_info_file(fake_root, tmp_path):
    create_nuscenes_infos(fake_root, "v1.0-mini", tmp_path)
    fake_infos = tmp_path / "nuscenes_infos_train.pkl"
    assert scenes_of(fake_infos, fake_root, "v1.0-mini") == ["scene-0061"]
    content = pickle.loads(fake_infos.read_bytes())
    content["data_list"][0]["token"] = "elsewhere"
    other = tmp_path / "other.pkl"
    other.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="lack 1 samples of .*other.pkl: name the --root"):
        scenes_of(other, fake_root, "v1.0-mini")
