import json
import pickle

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from scipy.spatial.transform import Rotation

from epropnp_det.datasets import BOPDataset
from epropnp_det.datasets.bop import LoadObjectMasks, RenderObjectCoords
from epropnp_det.errors import UserError

# Scene, image and place of the objects of which something is visible.
VISIBLE = [(1, 0, 0), (1, 0, 1), (1, 3, 0), (1, 10, 0), (4, 7, 0)]


def _places(dataset):
    keys = ("scene_id", "im_id", "gt_index")
    return [
        tuple(info[key] for key in keys) for info in map(dataset.get_data_info, range(len(dataset)))
    ]


def _dataset(root, **kwargs):
    return BOPDataset(**{"data_root": str(root), "split": "train", **kwargs})


@pytest.fixture(scope="module")
def dataset(bop_root):
    return _dataset(bop_root)


def test_an_item_an_object_of_which_something_is_visible(dataset):
    assert _places(dataset) == VISIBLE
    assert dataset.metainfo["classes"] == ("1", "2", "5")
    assert dataset.metainfo["obj_ids"] == (1, 2, 5)


def test_item(dataset, bop_root):
    info = dataset.get_data_info(2)
    truth = json.loads((bop_root / "train/000001/scene_gt.json").read_text())["3"][0]
    assert info["img_path"] == str(bop_root / "train/000001/rgb/000003.png")
    assert info["mask_visib_path"] == str(bop_root / "train/000001/mask_visib/000003_000000.png")
    assert (info["obj_id"], info["label"], info["sample_idx"]) == (1, 0, 2)
    assert (info["score"], info["time"]) == (1, -1)
    assert info["cam2img"].dtype == np.float64
    pose = info["gt_pose"]
    assert pose.dtype == np.float32
    np.testing.assert_allclose(pose[:3] * 1000, truth["cam_t_m2c"], rtol=1e-6)
    rotation = Rotation.from_quat(pose[[4, 5, 6, 3]]).as_matrix()
    np.testing.assert_allclose(rotation.ravel(), truth["cam_R_m2c"], atol=1e-6)
    np.testing.assert_allclose(info["half_size"], [0.04, 0.06, 0.03], rtol=1e-6)
    assert info["box"][0] < 0
    assert "object_model" not in info


def test_what_a_pipeline_changes_does_not_stay(bop_root):
    for serialize in (True, False):
        dataset = _dataset(bop_root, serialize_data=serialize)
        for key in ("box", "cam2img", "gt_pose"):
            dataset.get_data_info(0)[key][:] = 7
            assert not (dataset.get_data_info(0)[key] == 7).any()


def test_boxes_of_what_is_visible(bop_root):
    whole, visible = (_dataset(bop_root, boxes=kind) for kind in ("bbox_obj", "bbox_visib"))
    assert _places(visible) == VISIBLE
    assert visible.get_data_info(2)["box"][0] == 0
    assert (visible.get_data_info(1)["box"] != whole.get_data_info(1)["box"]).any()


def test_objects_and_names(bop_root):
    dataset = _dataset(bop_root, objects=[5], metainfo=dict(classes=["block"]))
    assert _places(dataset) == [(1, 0, 0), (4, 7, 0)]
    assert dataset.get_data_info(0)["label"] == 0
    assert dataset.metainfo["classes"] == ("block",)
    for objects in ([5, 1], [1, 1], []):
        with pytest.raises(UserError, match="ascending order"):
            _dataset(bop_root, objects=objects)
    with pytest.raises(UserError, match="2 names for 1 objects"):
        _dataset(bop_root, objects=[5], metainfo=dict(classes=["one", "two"]))
    with pytest.raises(UserError, match="no object 3"):
        _dataset(bop_root, objects=[3])
    with pytest.raises(UserError, match="no object is left in train .6 of other objects"):
        _dataset(bop_root, objects=[2])


def test_scenes_and_images(bop_root, tmp_path):
    assert _places(_dataset(bop_root, scenes=[4])) == VISIBLE[4:]
    (tmp_path / "list.txt").write_text("000001/000003\n000004/000007\n")
    listed = str(tmp_path / "list.txt")
    assert _places(_dataset(bop_root, images=listed)) == [VISIBLE[2], VISIBLE[4]]
    rest = _dataset(bop_root, exclude_images=listed)
    assert _places(rest) == [VISIBLE[0], VISIBLE[1], VISIBLE[3]]
    assert _places(_dataset(bop_root, images={1: [10]})) == [VISIBLE[3]]
    with pytest.raises(UserError, match="has no scene 9, which scenes .* it has 1, 4"):
        _dataset(bop_root, scenes=[9])
    with pytest.raises(UserError, match="has no scene 9, which images"):
        _dataset(bop_root, images={9: [1]})
    with pytest.raises(UserError, match="has no image 4, which a list"):
        _dataset(bop_root, exclude_images={1: [4]})
    with pytest.raises(UserError, match="detections or targets only one"):
        _dataset(bop_root, split=["train", "test"], images={1: [3]})


def test_several_splits(own_root):
    (own_root / "train").rename(own_root / "train_pbr")
    (own_root / "train_real").mkdir()
    (own_root / "train_pbr" / "000004").rename(own_root / "train_real" / "000004")
    dataset = _dataset(own_root, split=["train_real", "train_pbr"])
    assert _places(dataset) == [VISIBLE[4], *VISIBLE[:4]]
    assert "train_real" in dataset.get_data_info(0)["img_path"]
    assert "train_pbr" in dataset.get_data_info(1)["img_path"]


def test_least_visible_fraction(bop_root):
    assert _places(_dataset(bop_root, filter_cfg=dict(min_visib_fract=0.95))) == [
        VISIBLE[0],
        VISIBLE[3],
        VISIBLE[4],
    ]
    with pytest.raises(UserError, match="filter_cfg of the data set has min_size"):
        _dataset(bop_root, filter_cfg=dict(min_size=3))
    with pytest.raises(UserError, match="no object is left.*5 below min_visib_fract"):
        _dataset(bop_root, filter_cfg=dict(min_visib_fract=1.1))


def test_without_models(own_root):
    with pytest.raises(UserError, match="without models the data set needs objects"):
        _dataset(own_root, models=None)
    (own_root / "models" / "models_info.json").unlink()
    dataset = _dataset(own_root, models=None, objects=[1, 5])
    np.testing.assert_array_equal(dataset.get_data_info(0)["half_size"], [1, 1, 1])
    with pytest.raises(UserError, match="models=None"):
        _dataset(own_root, models=None, objects=[1], pipeline=[RenderObjectCoords()])
    with pytest.raises(UserError, match="models_info.json is missing"):
        _dataset(own_root)


def _detections(bop_root):
    """Two of the object in the middle of scene 1's first image, one of another, one far off."""
    infos = json.loads((bop_root / "train/000001/scene_gt_info.json").read_text())["0"]
    near = (np.array(infos[0]["bbox_visib"]) + [1, -1, 2, 0]).tolist()
    common = dict(scene_id=1, image_id=0)
    return [
        dict(common, category_id=5, bbox=infos[0]["bbox_obj"], score=0.6, time=0.1),
        dict(common, category_id=5, bbox=near, score=0.9, time=0.1),
        dict(common, category_id=1, bbox=[1, 2, 6, 6], score=0.8),
        dict(common, category_id=7, bbox=[1, 2, 6, 6], score=0.8),
    ]


@pytest.fixture
def detection_file(bop_root, tmp_path):
    path = tmp_path / "found.json"
    path.write_text(json.dumps(_detections(bop_root)))
    return str(path)


def test_detections(bop_root, detection_file):
    dataset = _dataset(bop_root, boxes=detection_file, test_mode=True)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info["score"] for info in infos] == [0.6, 0.9, 0.8]
    assert [info["time"] for info in infos] == [0.1, 0.1, -1]
    # The better one has the true object, the far one none.
    assert [info["gt_index"] for info in infos] == [-1, 0, -1]
    assert ["gt_pose" in info for info in infos] == [False, True, False]
    np.testing.assert_array_equal(infos[2]["box"], [1, 2, 6, 6])


def test_detections_where_the_truth_is_not_public(own_root, detection_file):
    for scene in ("000001", "000004"):
        (own_root / "train" / scene / "scene_gt.json").unlink()
    dataset = _dataset(own_root, boxes=detection_file, test_mode=True)
    assert [dataset.get_data_info(i)["gt_index"] for i in range(3)] == [-1] * 3


def _log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        "epropnp_det.datasets.bop.dataset.print_log", lambda line, logger: lines.append(line)
    )
    return lines


def test_what_is_left_out_is_said(own_root, detection_file, monkeypatch):
    lines = _log(monkeypatch)
    _dataset(own_root, objects=[1])
    assert lines.pop().endswith(
        "3 crops in 3 images, by object: 1 3. Left out: 3 of other objects."
    )
    _dataset(own_root)
    assert lines.pop().endswith("by object: 1 3, 2 0, 5 2. Left out: 1 hidden.")
    targets = [dict(scene_id=1, im_id=image, obj_id=5, inst_count=1) for image in (0, 3)]
    (own_root / "targets.json").write_text(json.dumps(targets))
    _dataset(own_root, boxes=detection_file, targets="targets.json")
    assert lines.pop().endswith(
        "Left out: 2 not among the targets, 1 targets of which there is no box, 1 of other objects."
    )
    _dataset(own_root, boxes=detection_file, scenes=[1], filter_cfg={})
    assert "of other scenes" not in lines.pop()
    with pytest.raises(UserError, match="no object is left .*3 of other scenes"):
        _dataset(own_root, boxes=detection_file, scenes=[4])


def test_targets(own_root, detection_file):
    targets = own_root / "test_targets_bop19.json"
    one = dict(scene_id=1, im_id=0, obj_id=5, inst_count=1)
    targets.write_text(json.dumps([one]))
    options = dict(targets=targets.name, test_mode=True)
    assert _places(_dataset(own_root, **options)) == [(1, 0, 0)]
    (info,) = map(_dataset(own_root, boxes=detection_file, **options).get_data_info, range(1))
    assert info["score"] == 0.9
    targets.write_text(json.dumps([dict(one, inst_count=2)]))
    assert len(_dataset(own_root, boxes=detection_file, **options)) == 2
    targets.write_text(json.dumps([dict(scene_id=1, im_id=0)]))
    assert _places(_dataset(own_root, **options)) == [(1, 0, 0), (1, 0, 1)]
    for other, says in (
        (dict(scene_id=8), "no scene 8, which targets"),
        (dict(im_id=1), "no image 1"),
    ):
        targets.write_text(json.dumps([dict(one, **other)]))
        with pytest.raises(UserError, match=says):
            _dataset(own_root, **options)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(bbox=[200, 2, 6, 6]), r"box 200, 2, 6, 6 .* is empty or outside.* 96 x 72"),
        (dict(bbox=[2, 2, 0, 6]), "is empty or outside"),
        (dict(image_id=5), "box in image 5"),
    ],
)
def test_detections_of_other_images(bop_root, tmp_path, change, says):
    path = tmp_path / "found.json"
    path.write_text(json.dumps([{**_detections(bop_root)[0], **change}]))
    with pytest.raises(UserError, match=says):
        _dataset(bop_root, boxes=str(path))
    with pytest.raises(UserError, match="found.txt is missing"):
        _dataset(bop_root, boxes="found.txt")


def test_indices_and_subsets_as_in_mmengine(bop_root):
    for serialize in (True, False):
        options = dict(serialize_data=serialize)
        assert _places(_dataset(bop_root, indices=2, **options)) == VISIBLE[:2]
        assert _places(_dataset(bop_root, indices=-2, **options)) == VISIBLE[-2:]
        dataset = _dataset(bop_root, indices=[3, 1], **options)
        assert _places(dataset) == [VISIBLE[3], VISIBLE[1]]
        assert _places(dataset.get_subset([1])) == [VISIBLE[1]]
        assert _places(dataset.get_subset(1)) == [VISIBLE[3]]
        dataset = _dataset(bop_root, **options)
        assert _places(dataset.get_subset(-2)) == VISIBLE[-2:]
        dataset.get_subset_([4])
        assert _places(dataset) == [VISIBLE[4]]
        with pytest.raises(UserError, match="look at its indices"):
            _dataset(bop_root, indices=[], **options)


def test_lazy_and_sent_to_another_process(bop_root):
    dataset = _dataset(bop_root, lazy_init=True)
    assert dataset.metainfo["classes"] == ("1", "2", "5")
    assert not dataset._fully_initialized
    assert len(dataset) == 5
    assert _places(pickle.loads(pickle.dumps(dataset))) == VISIBLE
    assert dataset.get_cat_ids(0) == [2]
    assert dataset.get_data_info(-1)["sample_idx"] == 4
    both = ConcatDataset([dataset, _dataset(bop_root, scenes=[4])])
    assert len(both) == 6
    assert both.get_data_info(5)["scene_id"] == 4


def _camera(**change):
    return lambda content: content | change


def test_images_of_another_size_than_the_camera_s(own_root, edit_json):
    edit_json(own_root / "camera.json", _camera(width=192, height=144))
    with pytest.raises(UserError, match="is 96 x 72 where .*camera.json has 192 x 144"):
        _dataset(own_root)
    # Of another camera, such as that of renderings, nothing is known.
    edit_json(own_root / "camera.json", _camera(fx=220.0))
    _dataset(own_root)
    cameras = own_root / "train" / "000004" / "scene_camera.json"
    edit_json(
        cameras, lambda content: content["7"].update(cam_K=[1100, 0, 473, 0, 1080, 362, 0, 0, 1])
    )
    with pytest.raises(UserError, match="is 96 x 72, and the centre 473, 362"):
        _dataset(own_root)


@pytest.mark.parametrize(("factor", "says"), [(1e-3, "times as large"), (-1, "behind the camera")])
def test_poses_in_other_units_and_frames(own_root, edit_json, factor, says):
    def change(content):
        content["7"][0]["cam_t_m2c"] = [factor * x for x in content["7"][0]["cam_t_m2c"]]

    edit_json(own_root / "train" / "000004" / "scene_gt.json", change)
    with pytest.raises(UserError, match=says):
        _dataset(own_root)


def test_models_and_poses_in_centimetres(own_root, edit_json):
    def change(content):
        for info in content.values():
            info.update({k: v / 10 for k, v in info.items() if isinstance(v, float)})

    edit_json(own_root / "models" / "models_info.json", change)
    with pytest.raises(UserError, match="object 1 in image 10 would be 0.1 times as large"):
        _dataset(own_root)


def test_unreadable_image_and_missing_masks(own_root):
    for path in (own_root / "train" / "000004" / "mask_visib").iterdir():
        path.unlink()
    _dataset(own_root)
    with pytest.raises(UserError, match="000007_000000.png is missing: unpack the masks"):
        _dataset(own_root, pipeline=[LoadObjectMasks()])
    (own_root / "train" / "000001" / "rgb" / "000000.png").write_bytes(b"")
    with pytest.raises(UserError, match="000000.png is not a readable image"):
        _dataset(own_root)
