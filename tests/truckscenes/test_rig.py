"""Descriptions of datasets that are not nuScenes."""

import sys
from importlib.util import find_spec

import pytest

from epropnp_det.datasets import NUSCENES, Rig
from epropnp_det.datasets.nuscenes_names import ATTRIBUTES, CAMERAS, CLASSES
from epropnp_det.devkits import DEVKITS, splits_of
from epropnp_det.errors import UserError

pytestmark = pytest.mark.skipif(
    find_spec("truckscenes") is None, reason="truckscenes-devkit is not installed"
)


def test_nuscenes_is_what_stands_there():
    assert NUSCENES.classes == CLASSES and NUSCENES.cameras == CAMERAS
    assert NUSCENES.no_attribute == len(ATTRIBUTES) == 8
    assert Rig.of_metainfo({"version": "v1.0-mini"}) == NUSCENES
    assert NUSCENES.class_of("vehicle.bus.bendy") == "bus"
    assert NUSCENES.label_of("vehicle.emergency.police") == NUSCENES.label_of("forklift") == -1


def test_the_config_of_truckscenes(truck_rig):
    assert set(truck_rig.classes) == set(truck_rig.kit.classes)
    assert set(truck_rig.attributes) == set(truck_rig.kit.attributes)
    assert truck_rig.class_of("vehicle.construction") == "other_vehicle"
    assert truck_rig.class_of("vehicle.ego_trailer") == "trailer"
    assert truck_rig.class_of("movable_object.debris") is None
    assert Rig.from_dict(truck_rig.as_dict()) == truck_rig != NUSCENES
    # Labels and weights that both have in common keep their places.
    assert truck_rig.attributes[:8] == ATTRIBUTES


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"devkit": "truckscene"}, "rig.devkit is 'truckscene' .did you mean 'truckscenes'"),
        ({"camera": ["A"]}, "rig has the key camera .did you mean 'cameras'"),
        ({"cameras": []}, "rig.cameras is empty"),
        ({"cameras": "CAM_FRONT"}, "rig.cameras is 'CAM_FRONT': give a list of names"),
        ({"cameras": ["A", "A"]}, "rig.cameras names something twice: A, A"),
        ({"lidar": ["A"]}, "rig.lidar is .*: name one channel, or None"),
        ({"classes": ["car", "animal"]}, "rig.classes has animal, which the devkit of nuScenes"),
        ({"attributes": ["vehicle.mowing"]}, "vehicle.mowing, .* .did you mean 'vehicle.moving'"),
        ({"class_range": {"car": 0}}, "rig.class_range.car is 0: give metres above 0"),
        ({"class_range": {"forklift": 9}}, "rig.class_range has forklift"),
        ({"class_range": [50]}, "rig.class_range is .*: give metres by class"),
    ],
)
def test_wrong_descriptions(described, said):
    with pytest.raises(UserError, match=said):
        Rig.from_dict(described)


def test_configs_without_a_rig(repo_root, tmp_path):
    with pytest.raises(UserError, match="describes no rig"):
        Rig.of_config(repo_root / "configs/_base_/datasets/nus_mono3d.py")
    broken = tmp_path / "broken.py"
    broken.write_text("rig = dict(")
    with pytest.raises(UserError, match="is not readable"):
        Rig.of_config(broken)


@pytest.mark.parametrize("devkit", DEVKITS.values(), ids=DEVKITS)
def test_every_devkit_has_the_splits_of_its_versions(devkit, tmp_path):
    for version in ("v1.0-mini", "v1.1-trainval", "v1.2-test"):
        for split in splits_of(version).values():
            assert devkit.scenes_of_split(split, tmp_path / version)


def test_a_devkit_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "truckscenes.eval.detection.utils", None)
    with pytest.raises(UserError, match='run `pip install "truckscenes-devkit>=1.2,<1.3"`'):
        DEVKITS["truckscenes"].class_of("vehicle.car")
