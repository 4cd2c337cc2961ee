"""Poses of known objects in boxes of images of a tiny data set in BOP's format."""

import json
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bop_layout import CAM2IMG, SCENES, write_bop
from mmdet3d.registry import DATASETS, MODELS
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from pose_network import pose_config, save_pose_network, true_maps
from random_network import save_random_weights
from scipy.spatial.transform import Rotation

from epropnp_det.apis import OBJECT_POSES_SCHEMA, ObjectPoseInferencer
from epropnp_det.errors import UserError

IMAGE = "train/000001/rgb/000000.png"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_bop(tmp_path_factory.mktemp("bop") / "boxes")


@pytest.fixture(scope="module")
def network(repo_root, root, tmp_path_factory):
    """Config and weights."""
    cfg = pose_config(repo_root, root)
    return cfg, save_pose_network(cfg, tmp_path_factory.mktemp("weights") / "pose.pth")


@pytest.fixture(scope="module")
def inferencer(network) -> ObjectPoseInferencer:
    return ObjectPoseInferencer(*network, "cpu", show_progress=False)


@pytest.fixture(scope="module")
def boxes(root) -> list[list[float]]:
    """Those of objects 5 and 1 in the image."""
    infos = json.loads((root / "train/000001/scene_gt_info.json").read_text())
    return [each["bbox_obj"] for each in infos["0"]]


def test_poses_are_those_of_a_test(inferencer, network, root, boxes):
    """By a box, by the data set, and by the network as the test loop runs it."""
    cfg, weights = network
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        model = MODELS.build(dict(cfg.model, test_cfg=dict(num_proposals=32, solver_iters=10)))
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
    model.load_state_dict(torch.load(weights, weights_only=True)["state_dict"])
    with torch.no_grad():
        tested = model.eval().test_step(pseudo_collate([dataset[0], dataset[1]]))
    poses = inferencer(root / IMAGE, boxes, [5, 1], CAM2IMG)
    (listed,) = inferencer.of_dataset(root, "train", 1, [0])
    of_dataset = inferencer.predict(listed)
    for i, (sample, other) in enumerate(zip(tested, of_dataset, strict=True)):
        assert poses.obj_id[i] == sample.obj_id == other.obj_id
        for pose in (sample.pred_pose, other.pred_pose):
            np.testing.assert_allclose(poses.pose[i], pose, atol=1e-5)
        np.testing.assert_allclose(poses.covariance[i], sample.pred_cov, rtol=1e-3, atol=1e-9)
        assert poses.cost[i] == pytest.approx(sample.pred_cost, rel=1e-4)
        assert poses.valid[i] == sample.pred_valid


def test_right_maps_give_the_true_poses(inferencer, root, boxes, monkeypatch):
    maps = true_maps(root, [0, 1])
    monkeypatch.setattr(inferencer.model, "maps", lambda inputs: maps)
    poses = inferencer(root / IMAGE, boxes, [5, 1], CAM2IMG)
    assert poses.valid.all()
    for i, (_, turn, place) in enumerate(SCENES[1][0]):
        np.testing.assert_allclose(poses.translation[i], np.array(place) / 1000, atol=1e-4)
        off = Rotation.from_matrix(poses.rotation[i]).inv() * Rotation.from_rotvec(turn)
        assert np.degrees(off.magnitude()) < 0.1
        assert (poses.covariance[i].diagonal() > 0).all()
        np.testing.assert_allclose(np.linalg.norm(poses.quaternion[i]), 1, atol=1e-6)
    assert poses.samples.shape == (2, 32, 7)
    np.testing.assert_allclose(poses.weights.sum(1), 1, rtol=1e-5)
    assert poses[1:].obj_id.tolist() == [1] and len(poses[np.array([False, False])]) == 0


def test_arrays_and_batches(inferencer, root, boxes):
    expected = inferencer(str(root / IMAGE), boxes, [5, 1], CAM2IMG)
    array = cv2.imread(str(root / IMAGE))
    for size in (1, 2):
        found = inferencer(array, np.array(boxes), np.array([5, 1]), CAM2IMG, batch_size=size)
        np.testing.assert_allclose(found.pose, expected.pose, atol=1e-4)
    (one,) = inferencer(array, boxes[1:], [1], CAM2IMG).pose
    np.testing.assert_allclose(one, expected.pose[1], atol=1e-4)


def test_no_boxes(inferencer, root, monkeypatch):
    monkeypatch.setattr(inferencer.model, "test_step", None)
    poses = inferencer(root / IMAGE, [], [], CAM2IMG)
    assert len(poses) == 0 and poses.rotation.shape == (0, 3, 3)
    assert poses.covariance.shape == (0, 6, 6) and poses.samples.shape[::2] == (0, 7)


def test_box_that_hangs_over_the_border(inferencer, root):
    poses = inferencer(root / IMAGE, [[-30, -20, 60, 50]], [1], CAM2IMG)
    assert np.isfinite(poses.pose).all()


def test_without_posterior_and_with_models_elsewhere(network, root, boxes, tmp_path):
    cfg, weights = network
    cfg = deepcopy(cfg)
    cfg.test_dataloader.dataset.data_root = "absent"
    with pytest.raises(UserError, match="folder of models absent/models does not exist.*--models"):
        ObjectPoseInferencer(cfg, weights, "cpu")
    plain = ObjectPoseInferencer(cfg, weights, "cpu", root / "models", posterior=False)
    poses = plain(root / IMAGE, boxes, [5, 1], CAM2IMG)
    assert poses.samples.shape == (2, 0, 7) and poses.weights.shape == (2, 0)


def test_objects_of_the_config_where_the_checkpoint_tells_none(network, root, boxes, tmp_path):
    bare = ObjectPoseInferencer(network[0], save_random_weights(network[0], tmp_path / "a.pth"))
    assert dict(bare.known.names) == {1: "1", 2: "2", 5: "5"}
    np.testing.assert_allclose(bare.known.half_sizes[1], [0.04, 0.06, 0.03], rtol=1e-6)


def test_files(inferencer, root, tmp_path, monkeypatch):
    images = inferencer.of_dataset(root, "train")
    entries = inferencer.save(images, tmp_path / "out", batch_size=3)
    content = json.loads((tmp_path / "out/predictions.json").read_text())
    assert content["images"] == entries and len(entries) == 4
    assert [(entry["scene_id"], entry["im_id"]) for entry in entries[-2:]] == [(1, 10), (4, 7)]
    first = entries[0]["objects"]
    assert [(each["obj_id"], each["name"]) for each in first] == [(5, "duck"), (1, "ape")]
    names = sorted(path.name for path in (tmp_path / "out/pictures").iterdir())
    assert len(names) == 4 and names[0].startswith("000000_")
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(content, OBJECT_POSES_SCHEMA)
    monkeypatch.setattr(inferencer.model, "test_step", None)
    with pytest.raises(UserError, match="holds predictions of other images"):
        inferencer.save(images[:1], tmp_path / "out")


def test_a_crop_without_a_pose_is_null(inferencer, root, boxes, tmp_path, monkeypatch):
    maps = true_maps(root, [0, 1])
    maps.coords[0] = torch.nan
    monkeypatch.setattr(inferencer.model, "maps", lambda inputs: maps)
    asked = inferencer.boxed(root / IMAGE, boxes, [5, 1], CAM2IMG)
    (entry,) = inferencer.save([asked], tmp_path)
    lost, found = entry["objects"]
    assert not lost["valid"] and found["valid"]
    assert lost["translation"] is lost["covariance"] is lost["cost"] is None
    assert found["translation"][2] == pytest.approx(0.45, abs=1e-3)
    assert found["box"] == boxes[1] and "scene_id" not in entry


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(image="absent.png"), "the image absent.png does not exist"),
        (dict(image=Path(__file__)), "not an image that can be read"),
        (dict(image="."), ". is no image"),
        (dict(image="infos.pkl"), "infos.pkl is no image"),
        (dict(image=["a.png", "b.png"]), "several images"),
        (dict(image=np.zeros((4, 4), np.uint8)), "of shape .4, 4. and type uint8"),
        (dict(cam2img=None), "camera matrix of .*000000.png is missing"),
        (dict(cam2img=np.eye(4)), "has the shape 4 x 4"),
        (dict(cam2img=np.diag([900.0, 900, 1])), "image widths"),
        (dict(boxes=[[200, 10, 5, 5]]), "box 200, 10, 5, 5 .* outside of .* 96 x 72"),
        (dict(boxes=[[20, 10, 0, 5]]), "is empty or outside"),
        (dict(boxes=[[20, 10, 5]]), "shape .1, 3."),
        (dict(boxes=[[20, 10, 5, 5], [1]]), "not N rows"),
        (dict(boxes=[[20, 10, 5, np.nan]]), "not all finite"),
        (dict(obj_ids=[3]), "knows no object 3: give one of 1, 2, 5"),
        (dict(obj_ids=["ape"]), "give their whole numbers"),
        (dict(obj_ids=[1, 1]), "2 objects for 1 boxes"),
        (dict(batch_size=0), "batch size is 0"),
    ],
)
def test_wrong_arguments(inferencer, root, monkeypatch, change, said):
    monkeypatch.setattr(inferencer.model, "test_step", None)
    right = dict(image=root / IMAGE, boxes=[[20, 10, 30, 30]], obj_ids=[1], cam2img=CAM2IMG)
    with pytest.raises(UserError, match=said):
        inferencer(**{**right, **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(root="absent"), "absent/train is not a folder"),
        (dict(split="test"), "test is not a folder"),
        (dict(scene=9), "no scene 9"),
        (dict(images=[1]), "has no image 1"),
        (dict(scene=None), "name it with --scene"),
        (dict(boxes="absent.json"), "absent.json is missing"),
    ],
)
def test_wrong_data(inferencer, root, change, said):
    right = dict(root=root, split="train", scene=1, images=[0])
    with pytest.raises(UserError, match=said):
        inferencer.of_dataset(**{**right, **change})


def test_wrong_networks(network, repo_root, root, tmp_path):
    cfg, weights = network
    detector = repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    with pytest.raises(UserError, match="finds objects by itself"):
        ObjectPoseInferencer(detector, weights)
    shipped = repo_root / "checkpoints/epropnp-det_r18_synthetic.pth"
    with pytest.raises(UserError, match="does not fit the model of this config"):
        ObjectPoseInferencer(cfg, shipped, "cpu")
    for device, said in (("abacus", "no device 'abacus'"), ("meta", "computes no values")):
        with pytest.raises(UserError, match=said):
            ObjectPoseInferencer(cfg, weights, device)
    with pytest.raises(UserError, match="absent.pth does not exist"):
        ObjectPoseInferencer(cfg, "absent.pth", "cpu")
    other = dict(torch.load(weights), meta=dict(dataset_meta=dict(classes=("a",), obj_ids=(9,))))
    torch.save(other, tmp_path / "other.pth")
    with pytest.raises(UserError, match="has none of the objects .*9"):
        ObjectPoseInferencer(cfg, tmp_path / "other.pth", "cpu")
    cfg = deepcopy(cfg)
    cfg.test_dataloader.dataset.type = "ConcatDataset"
    with pytest.raises(UserError, match="no test_dataloader.dataset of the type BOPDataset"):
        ObjectPoseInferencer(cfg, weights, "cpu")
