"""Info files from tables of nuScenes' format with other sensors, categories and attributes."""

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epropnp_det.datasets import NuScenesMonoDataset, create_nuscenes_infos
from epropnp_det.datasets.nuscenes_names import CAMERAS, CLASSES
from epropnp_det.datasets.own_categories import find_categories
from epropnp_det.errors import UserError


@pytest.fixture
def edit(fake_root: Path) -> Callable[[str, Callable[[list[dict]], None]], None]:
    """Change the rows of a table in place."""

    def change(name: str, function: Callable[[list[dict]], None]) -> None:
        path = fake_root / "v1.0-mini" / f"{name}.json"
        rows = json.loads(path.read_text())
        function(rows)
        path.write_text(json.dumps(rows))

    return change


def keep(condition: Callable[[dict], bool]) -> Callable[[list[dict]], None]:
    return lambda rows: rows.__setitem__(slice(None), [row for row in rows if condition(row)])


def rename(table_key: str, old: str, new: str) -> Callable[[list[dict]], None]:
    return lambda rows: [r.update({table_key: new}) for r in rows if r[table_key] == old]


def frames(root: Path, **settings) -> list[dict]:
    train, _ = create_nuscenes_infos(root, "v1.0-mini", **settings)
    return pickle.loads(train.path.read_bytes())["data_list"]


def test_front_camera_alone(fake_root, edit):
    edit("sample_data", keep(lambda row: "-LIDAR" in row["token"] or "-CAM_FRONT-" in row["token"]))
    (first, _) = frames(fake_root)
    assert list(first["images"]) == list(first["cam_instances"]) == ["CAM_FRONT"]
    assert "lidar_points" in first


def test_rig_without_lidar(fake_root, edit):
    before = frames(fake_root)
    edit("sample_data", keep(lambda row: "LIDAR" not in row["token"]))
    after = frames(fake_root)
    for old, new in zip(before, after, strict=True):
        assert "lidar_points" not in new and "lidar_sweeps" not in new
        assert str(new["cam_instances"]) == str(old["cam_instances"])
        assert new["ego2global"] == new["images"]["CAM_FRONT"]["ego2global"]
        assert len(old["instances"]) == len(new["instances"])
    # The car is 15 m ahead of the vehicle, and 8 cm more of where it was 10 ms before.
    assert after[0]["instances"][0]["bbox_3d"][:2] == pytest.approx([15.08, 0.03], abs=1e-2)
    data = NuScenesMonoDataset(str(fake_root), "nuscenes_infos_train.pkl")
    assert len(data) == 12 and data.get_ann_info(0)["gt_labels_3d"].tolist() == [0]


def test_cameras_of_other_names(fake_root, edit):
    edit("sensor", rename("channel", "CAM_FRONT", "LEFT"))
    edit("sensor", rename("channel", "CAM_BACK", "A_MAST"))
    (first, _) = frames(fake_root)
    others = [name for name in CAMERAS if name not in ("CAM_FRONT", "CAM_BACK")]
    assert list(first["images"]) == [*others, "A_MAST", "LEFT"]
    assert first["images"]["LEFT"]["img_path"].startswith("samples/CAM_FRONT/")
    assert first["images"]["CAM_BACK_LEFT"]["img_path"].startswith("samples-CAM_BACK_LEFT")
    data = NuScenesMonoDataset(str(fake_root), "nuscenes_infos_train.pkl")
    for item in data:
        (image,) = item["images"].values()
        assert Path(image["img_path"]).is_file()


def test_frames_that_lack_a_camera_are_counted(fake_root, edit):
    edit("sample_data", lambda rows: rows.pop(3))
    train, val = create_nuscenes_infos(fake_root, "v1.0-mini")
    assert "\n  1 frames have no CAM_FRONT_LEFT" in str(train)
    assert "have no" not in str(val)


def test_image_of_more_bits(fake_root):
    path = next((fake_root / "samples/CAM_FRONT").iterdir())
    Image.fromarray(np.full((36, 64), 3000, np.uint16)).save(path, format="PNG")
    with pytest.raises(UserError, match=f"{path.name} has 16 bits a channel .* convert it with"):
        frames(fake_root)


def test_frame_without_any_camera(fake_root, edit):
    edit(
        "sample_data",
        keep(lambda row: row["sample_token"] != "scene-0061-1" or "LIDAR" in row["token"]),
    )
    with pytest.raises(UserError, match="scene-0061-1 has no keyframe of a camera"):
        frames(fake_root)


def test_categories_that_are_left_out_are_counted(fake_root, edit):
    train, _ = create_nuscenes_infos(fake_root, "v1.0-mini")
    # A category of nuScenes that is not detected needs no advice.
    assert str(train).endswith("of no detected class, left out: animal 1")
    edit("category", rename("name", "vehicle.car", "yard.forklift"))
    train, _ = create_nuscenes_infos(fake_root, "v1.0-mini")
    said = "left out: animal 1, yard.forklift 2; --categories yard.forklift=CLASS takes some for"
    assert said in str(train)


@pytest.mark.parametrize("name", ["yard.forklift", "forklift", "Yard.FORKLIFT"])
@pytest.mark.parametrize("workers", [1, 2])
def test_category_taken_for_a_class(fake_root, edit, name, workers):
    before = frames(fake_root)
    edit("category", rename("name", "vehicle.car", "yard.forklift"))
    after = frames(fake_root, categories={name: "car"}, workers=workers)
    assert str(after) == str(before)  # where an unknown velocity is equal to itself
    content = pickle.loads((fake_root / "nuscenes_infos_train.pkl").read_bytes())
    assert content["metainfo"]["mapped_categories"] == {"yard.forklift": "car"}
    assert "yard.forklift" not in content["metainfo"]["categories"]


def test_nothing_is_left(fake_root, edit):
    edit("category", lambda rows: [row.update(name=row["name"].title()) for row in rows])
    said = r"nothing is left of the annotations .* Animal 1, .*; --categories Animal=CLASS"
    with pytest.raises(UserError, match=said):
        frames(fake_root)
    assert not list(fake_root.glob("*.pkl"))


def test_dataroot_without_annotations(fake_root, edit):
    edit("sample_annotation", lambda rows: rows.clear())
    assert len(frames(fake_root)) == 2


def test_wrong_categories():
    known = ["yard.forklift", "dock.forklift", "yard.crane"]
    assert find_categories(known, {"forklift": "car"}) == dict.fromkeys(known[:2], "car")
    with pytest.raises(
        UserError, match=r"crane=cars: there is no class cars \(did you mean 'car'\?\)"
    ):
        find_categories(known, {"crane": "cars"})
    with pytest.raises(UserError, match=r"no category yard.cran \(did you mean 'yard.crane'\?\)"):
        find_categories(known, {"yard.cran": "car"})


@pytest.mark.parametrize("label", CLASSES)
def test_every_class_can_be_meant(fake_root, edit, label):
    edit("category", rename("name", "vehicle.car", "yard.forklift"))
    (first, _) = frames(fake_root, categories={"forklift": label})
    (box,) = (x for x in first["cam_instances"]["CAM_FRONT"] if x["num_lidar_pts"])
    assert box["bbox_label_3d"] == CLASSES.index(label)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (["parked", "loading"], "has the attributes vehicle.parked, vehicle.loading, and nuScenes"),
        (["loading"], "has the attribute vehicle.loading, which the detection of nuScenes does"),
        (["nowhere"], "has the attribute nowhere, which the detection of nuScenes does not know"),
    ],
)
def test_attributes_that_the_devkit_refuses(fake_root, edit, own, said):
    loading = {"token": "loading", "name": "vehicle.loading", "description": ""}
    edit("attribute", lambda rows: rows.append(loading))
    edit("sample_annotation", lambda rows: rows[0].update(attribute_tokens=own))
    token = "ann-car-scene-0061-0"
    with pytest.raises(UserError, match=f"sample_annotation.json: annotation {token} {said}"):
        frames(fake_root)
    # Of what is not detected they do not matter.
    edit("category", rename("name", "vehicle.car", "animal.horse"))
    assert len(frames(fake_root)) == 2


def test_attribute_that_does_not_fit_its_class(fake_root, edit):
    edit("category", rename("name", "vehicle.car", "human.pedestrian.child"))
    train, _ = create_nuscenes_infos(fake_root, "v1.0-mini")
    said = "2 annotations have an attribute that does not fit .* such as vehicle.parked of the pede"
    assert [line for line in str(train).splitlines() if re.search(said, line)]
