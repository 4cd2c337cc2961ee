import re

import numpy as np
import pytest

from epropnp_det.datasets.bop.format import read_scene, scene_folders
from epropnp_det.errors import UserError


def test_scene_is_read_in_the_order_of_its_numbers(bop_root):
    scene = read_scene(bop_root / "train" / "000001")
    assert scene.scene_id == 1
    np.testing.assert_array_equal(scene.im_ids, [0, 3, 10])
    assert scene.image_path(2) == bop_root / "train/000001/rgb/000010.png"
    assert scene.cam2img.shape == (3, 3, 3)
    np.testing.assert_array_equal(scene.cam2img[1, :2, 2], [47.3, 36.2])
    truth = scene.truth
    np.testing.assert_array_equal(truth.row, [0, 0, 1, 2, 2])
    np.testing.assert_array_equal(truth.gt_index, [0, 1, 0, 0, 1])
    np.testing.assert_array_equal(truth.obj_id, [5, 1, 1, 1, 5])
    np.testing.assert_array_equal(truth.translation[2], [-190, 60, 430])
    np.testing.assert_array_equal(truth.bbox_visib[4], [-1, -1, -1, -1])
    assert truth.visib_fract[0] == 1
    assert 0.3 < truth.visib_fract[1] < 0.9


def test_scene_without_truth_needs_no_annotations(own_root):
    folder = own_root / "train" / "000004"
    (folder / "scene_gt.json").unlink()
    scene = read_scene(folder, with_truth=False)
    assert scene.truth is None
    assert scene.image_path(0).name == "000007.jpg"


def test_gray_images_of_other_formats(own_root):
    folder = own_root / "train" / "000004"
    (folder / "rgb").rename(folder / "gray")
    (folder / "gray" / "000007.jpg").rename(folder / "gray" / "000007.tif")
    assert read_scene(folder).image_path(0) == folder / "gray" / "000007.tif"


def test_image_without_objects(own_root, edit_json):
    folder = own_root / "train" / "000001"
    for name in ("scene_gt", "scene_gt_info"):
        edit_json(folder / f"{name}.json", lambda content: content | {"3": []})
    np.testing.assert_array_equal(read_scene(folder).truth.row, [0, 0, 2, 2])
    for name in ("scene_gt", "scene_gt_info"):
        edit_json(folder / f"{name}.json", lambda content: {})
    assert read_scene(folder).truth.rotation.shape == (0, 3, 3)


def _drop(key):
    return lambda content: content["3"][0].pop(key) and None


def _set(key, value):
    return lambda content: content["3"][0].update({key: value})


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("scene_gt", _drop("cam_R_m2c"), "scene_gt.json has an entry without 'cam_R_m2c'"),
        ("scene_gt", _set("cam_R_m2c", [1, 2, 3]), "not of BOP's form"),
        ("scene_gt", _set("cam_R_m2c", [2, 0, 0, 0, 1, 0, 0, 0, 1]), "object 0 of image 3"),
        ("scene_gt", _set("cam_R_m2c", [-1, 0, 0, 0, 1, 0, 0, 0, 1]), "no rotation"),
        ("scene_gt", _set("cam_t_m2c", [0, 0, float("nan")]), "no number"),
        ("scene_gt", lambda content: content | {"77": []}, "has image 77"),
        ("scene_gt", lambda content: [1], "holds a list where BOP has a dict"),
        ("scene_gt", lambda content: {"x": []}, "key that is no number"),
        ("scene_gt_info", _drop("bbox_obj"), "without 'bbox_obj'"),
        ("scene_gt_info", lambda content: content["3"].clear(), "calc_gt_info.py"),
        ("scene_camera", lambda content: content["3"].pop("cam_K") and None, "without 'cam_K'"),
        ("scene_camera", lambda content: content["3"].update(cam_K=[0] * 9), "focal length"),
    ],
)
def test_faults_are_named(own_root, edit_json, name, change, says):
    folder = own_root / "train" / "000001"
    edit_json(folder / f"{name}.json", change)
    with pytest.raises(UserError, match=says):
        read_scene(folder)


@pytest.mark.parametrize("name", ["scene_gt", "scene_gt_info", "scene_camera"])
def test_missing_and_cut_files(own_root, name):
    path = own_root / "train" / "000001" / f"{name}.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=f"{name}.json is not whole JSON"):
        read_scene(path.parent)
    path.unlink()
    with pytest.raises(UserError, match=f"{name}.json is missing"):
        read_scene(path.parent)


def test_missing_images(own_root):
    folder = own_root / "train" / "000001"
    (folder / "rgb" / "000003.png").unlink()
    with pytest.raises(UserError, match="lacks 1 of the 3 images of the scene, such as 000003"):
        read_scene(folder)
    (folder / "rgb").rename(folder / "color")
    with pytest.raises(UserError, match="no folder rgb or gray"):
        read_scene(folder)


def test_scene_folders(bop_root, tmp_path):
    assert list(scene_folders(bop_root / "train")) == [1, 4]
    with pytest.raises(UserError, match="is not a folder"):
        scene_folders(bop_root / "test")
    (tmp_path / "1").mkdir()
    with pytest.raises(UserError, match=re.escape(f"{tmp_path} has no scene")):
        scene_folders(tmp_path)
