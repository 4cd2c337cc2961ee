import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from kitti_layout import write_kitti
from mmdet3d.apis import MonoDet3DInferencer
from mmengine.config import Config
from mmengine.runner import Runner
from nuscenes import NuScenes
from random_network import save_random_weights

from epropnp_det.apis import PREDICTIONS_SCHEMA, EProPnPDet3DInferencer
from epropnp_det.datasets import create_kitti_infos, create_nuscenes_infos
from epropnp_det.datasets.nuscenes_info import SensorPose
from epropnp_det.datasets.nuscenes_names import CLASSES
from epropnp_det.errors import UserError
from epropnp_det.evaluation.geometry import camera_boxes_to_global

ALL = dict(score_thr=0.0)


@pytest.fixture(scope="module")
def inferencer(tiny) -> EProPnPDet3DInferencer:
    return EProPnPDet3DInferencer(*tiny, device="cpu", show_progress=False)


@pytest.fixture(scope="module")
def narrow_kitti(repo_root, tmp_path_factory):
    """The small network of the tiny config with KITTI's classes, data and heads."""
    folder = tmp_path_factory.mktemp("config")
    published = repo_root / "configs/epropnp_det"
    small = Config.fromfile(published / "epropnp-det_tiny_demo.py").model
    cfg = Config.fromfile(published / "epropnp-det-v2_r101-dcn_fpn_4xb3-12e_kitti-mono3d.py")
    heads = {key: dict(small[key]) for key in ("dense_head", "bbox_head")}
    heads["dense_head"].update(num_classes=3)
    for key in ("num_classes", "num_attrs", "pred_velocity", "dim_coder"):
        heads["bbox_head"][key] = cfg.model.bbox_head[key]
    cfg.model = dict(small, **heads, test_cfg=dict(score_thr=0.0, max_per_img=4))
    return cfg, save_random_weights(cfg, folder / "random.pth")


def rows(entry: dict) -> np.ndarray:
    """(N, 7) centre, size and yaw."""
    return np.array([[*b["center"], *b["size"], b["yaw"]] for b in entry["boxes"]])


def test_three_lines(repo_root, tiny, folder, camera_file):
    config = repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    inferencer = EProPnPDet3DInferencer(config, tiny[1])
    boxes = inferencer(folder / "a.jpg", cam2img=camera_file)["predictions"][0]["boxes"]
    assert boxes == []  # random weights give no class a chance


def test_boxes_are_those_of_the_network(inferencer, folder, camera_file):
    images = [folder / "a.jpg", folder / "b.png"]
    entries = inferencer(images, camera_file, **ALL)["predictions"]
    samples = inferencer(images, camera_file, return_datasamples=True)["predictions"]
    for path, entry, sample in zip(images, entries, samples, strict=True):
        found = sample.pred_instances_3d
        assert entry["path"] == str(path) == sample.img_path
        assert entry["cam2img"][1][2] == 122  # the network saw a crop: 56 rows less
        assert sample.cam2img[1, 2] == 122 - 56 and sample.ori_shape == (224, 400)
        boxes = found.bboxes_3d
        expected = torch.cat([boxes.gravity_center, boxes.dims, boxes.yaw[:, None]], 1)
        assert len(expected) > 0
        np.testing.assert_allclose(rows(entry), expected, rtol=1e-6)
        np.testing.assert_allclose(
            [box["pose_covariance"] for box in entry["boxes"]], found.pose_covariance, rtol=1e-6
        )
        names = [inferencer.model.dataset_meta["classes"][i] for i in found.labels_3d]
        assert [box["name"] for box in entry["boxes"]] == names


def test_batches_of_images_of_two_sizes(inferencer, folder, camera_file, tmp_path):
    wide = tmp_path / "wide.png"
    cv2.imwrite(str(wide), cv2.resize(cv2.imread(str(folder / "a.jpg")), (432, 224)))
    images = [folder / "a.jpg", folder / "b.png", wide]
    one_by_one = inferencer(images, camera_file, **ALL)["predictions"]
    together = inferencer(images, camera_file, batch_size=2, **ALL)["predictions"]
    assert [entry["path"] for entry in together] == [str(path) for path in images]
    for one, other in zip(one_by_one, together, strict=True):
        scores, others = ([box["score"] for box in e["boxes"]] for e in (one, other))
        np.testing.assert_allclose(scores, others, rtol=1e-4)


def test_files(inferencer, folder, camera_file, tmp_path):
    done = inferencer(folder, camera_file, out_dir=tmp_path / "out", **ALL)
    content = json.loads((tmp_path / "out/predictions.json").read_text())
    assert content["images"] == done["predictions"]
    assert content.keys() == PREDICTIONS_SCHEMA["properties"].keys()
    assert content["checkpoint"] == inferencer.weights
    assert [Path(path).name for path in done["visualization"]] == ["000000_a.png", "000001_b.png"]
    assert all(cv2.imread(path) is not None for path in done["visualization"])
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(content, PREDICTIONS_SCHEMA)


def test_pictures_of_equal_names_tell_their_folders(inferencer, folder, camera_file, tmp_path):
    paths = [tmp_path / camera / "0.png" for camera in ("LEFT", "RIGHT")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes((folder / "b.png").read_bytes())
    done = inferencer([*paths, folder / "a.jpg"], camera_file, out_dir=tmp_path / "out")
    names = [Path(path).name for path in done["visualization"]]
    assert names == ["000000_LEFT_0.png", "000001_RIGHT_0.png", "000002_a.png"]
    assert sorted(path.name for path in tmp_path.glob("out/pictures/*")) == names
    assert [entry["path"] for entry in done["predictions"][:2]] == [str(path) for path in paths]


def test_arrays(inferencer, folder, camera_file, tmp_path):
    array = cv2.imread(str(folder / "a.jpg"))
    expected = inferencer(folder / "a.jpg", camera_file, **ALL)["predictions"][0]["boxes"]
    done = inferencer([array, array], camera_file, batch_size=2, out_dir=tmp_path, **ALL)
    assert [entry["path"] for entry in done["predictions"]] == ["array_0", "array_1"]
    for entry in done["predictions"]:
        np.testing.assert_allclose(rows(entry), rows({"boxes": expected}), rtol=1e-3, atol=1e-3)
    names = [Path(path).name for path in done["visualization"]]
    assert names == ["000000_array_0.png", "000001_array_1.png"]
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads((tmp_path / "predictions.json").read_text()), PREDICTIONS_SCHEMA)


def test_kitti(repo_root, narrow_kitti, tmp_path):
    root = write_kitti(tmp_path / "kitti", 0, 1)
    create_kitti_infos(root)
    inferencer = EProPnPDet3DInferencer(*narrow_kitti, "cpu", show_progress=False)
    done = inferencer(root / "kitti_infos_val.pkl", out_dir=tmp_path / "out", **ALL)
    (entry,) = done["predictions"]
    assert (entry["sample_token"], entry["camera"]) == ("000000", "CAM2")
    assert entry["boxes"]
    for box in entry["boxes"]:
        assert box["name"] in ("Pedestrian", "Cyclist", "Car")
        assert box["velocity"] is None and box["attribute"] is None
        assert np.shape(box["pose_covariance"]) == (4, 4)
    assert cv2.imread(done["visualization"][0]) is not None
    jsonschema = pytest.importorskip("jsonschema")
    content = json.loads((tmp_path / "out/predictions.json").read_text())
    jsonschema.validate(content, PREDICTIONS_SCHEMA)


def test_frames_of_a_video_are_images(inferencer, folder, camera_file, tmp_path):
    video = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"MJPG"), 10, (400, 224))
    for name in ("a.jpg", "b.png"):
        writer.write(cv2.imread(str(folder / name)))
    writer.release()
    frames = inferencer(video, camera_file, out_dir=tmp_path, **ALL)
    assert len(frames["visualization"]) == 2
    for number, entry in enumerate(frames["predictions"]):
        still = tmp_path / f"{number}.png"
        capture = cv2.VideoCapture(str(video))
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        cv2.imwrite(str(still), capture.read()[1])
        (expected,) = inferencer(still, camera_file, **ALL)["predictions"]
        assert entry["frame"] == number and entry["boxes"] == expected["boxes"]


def test_no_covariance_without_posterior(tiny, folder, camera_file):
    plain = EProPnPDet3DInferencer(*tiny, "cpu", posterior=False, show_progress=False)
    (entry,) = plain(folder / "a.jpg", camera_file, **ALL)["predictions"]
    assert entry["boxes"] and all(box["pose_covariance"] is None for box in entry["boxes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(model="absent.py"), "absent.py"),
        (dict(weights="absent.pth"), "absent.pth does not exist"),
        (dict(device="abacus"), "no device 'abacus'"),
        (dict(device="cuda:99"), "no cuda:99"),
    ],
)
def test_what_is_missing(tiny, arguments, said):
    cfg, weights = tiny
    with pytest.raises(UserError, match=said):
        EProPnPDet3DInferencer(**{"model": cfg, "weights": weights, **arguments})


def test_nothing_is_written_on_wrong_input(inferencer, folder, camera_file, tmp_path):
    with pytest.raises(UserError, match="batch size"):
        inferencer(folder, camera_file, batch_size=0, out_dir=tmp_path / "out")
    flat = tmp_path / "flat.png"
    cv2.imwrite(str(flat), np.zeros((40, 400, 3), np.uint8))
    matrix = np.array([[320.0, 0, 200], [0, 320, 20], [0, 0, 1]])
    with pytest.raises(UserError, match="image of 40 rows"):
        inferencer(flat, matrix, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def keyframe(small, keyframe_root, tmp_path_factory):
    """Config, weights and info file for the six real images."""
    out = tmp_path_factory.mktemp("infos")
    create_nuscenes_infos(keyframe_root, "v1.0-mini", out)
    cfg, weights = small("epropnp-det_r18_overfit_nus-keyframe.py")
    infos = str(out / "nuscenes_infos_train.pkl")
    cfg.test_dataloader.dataset.update(data_root=str(keyframe_root), ann_file=infos)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.test_evaluator.update(data_root=str(keyframe_root), ann_file=infos, nms_thr=None)
    return cfg, weights, infos


def test_agrees_with_the_submission(keyframe, keyframe_root, tmp_path):
    """Poses in JSON, moved to the global frame, are those of results_nusc.json."""
    cfg, weights, infos = keyframe
    inferencer = EProPnPDet3DInferencer(cfg, weights, "cpu", show_progress=False)
    entries = inferencer(infos, data_root=keyframe_root, **ALL)["predictions"]
    cfg.test_evaluator.update(format_only=True, jsonfile_prefix=str(tmp_path / "submission"))
    cfg.update(work_dir=str(tmp_path), load_from=str(weights), experiment_name=tmp_path.name)
    cfg.visualizer.name = tmp_path.name
    Runner.from_cfg(cfg).test()
    (path,) = tmp_path.rglob("results_nusc.json")
    ((token, submitted),) = json.loads(path.read_text())["results"].items()
    nusc = NuScenes("v1.0-mini", str(keyframe_root), verbose=False)
    ours = []
    for entry in entries:
        assert entry["sample_token"] == token
        camera = SensorPose.of(nusc, nusc.get("sample", token)["data"][entry["camera"]])
        for box in entry["boxes"]:
            (x, y, z), (length, height, width) = box["center"], box["size"]
            row = [x, y + height / 2, z, length, height, width, box["yaw"], *box["velocity"]]
            moved = camera_boxes_to_global([row], camera.ego2global @ camera.sensor2ego)
            ours.append((box, moved))
    assert submitted  # the metric leaves out what is beyond the classes' ranges
    for theirs in submitted:
        box, moved = min(
            ours, key=lambda pair: np.linalg.norm(pair[1].center[0] - theirs["translation"])
        )
        np.testing.assert_allclose(moved.center[0], theirs["translation"], atol=1e-3)
        np.testing.assert_allclose(moved.size[0], theirs["size"], rtol=1e-4)
        np.testing.assert_allclose(moved.velocity[0], theirs["velocity"], atol=1e-4)
        assert abs(moved.rotation[0] @ theirs["rotation"]) == pytest.approx(1, abs=1e-5)
        assert box["name"] == theirs["detection_name"]
        assert (box["attribute"] or "") == theirs["attribute_name"]
        assert box["score"] == pytest.approx(theirs["detection_score"], abs=1e-5)


def test_the_stock_inferencer_gives_the_same_boxes(keyframe, keyframe_root, tmp_path):
    """Of an info file as it wants them: one camera, named CAM2, with a lidar2img."""
    cfg, weights, infos = keyframe
    content = pickle.loads(Path(infos).read_bytes())
    view = content["data_list"][0]["images"]["CAM_FRONT"]
    image = str(keyframe_root / "samples/CAM_FRONT" / view["img_path"])
    view["lidar2img"] = np.eye(4).tolist()
    content["data_list"][0]["images"] = {"CAM2": view}
    cam2 = tmp_path / "cam2.pkl"
    cam2.write_bytes(pickle.dumps(content))
    # It also needs the classes, which each checkpoint of a training and of our converter has.
    checkpoint = dict(torch.load(weights), meta=dict(dataset_meta=dict(classes=CLASSES)))
    torch.save(checkpoint, tmp_path / "trained.pth")
    stock = MonoDet3DInferencer(cfg, str(tmp_path / "trained.pth"), "cpu")
    (theirs,) = stock(dict(img=image, infos=str(cam2)))["predictions"]
    ours = EProPnPDet3DInferencer(cfg, tmp_path / "trained.pth", "cpu", show_progress=False)
    asked = ours(dict(img=image, infos=infos), return_datasamples=True)  # in its own terms
    (sample,) = asked["predictions"]
    assert theirs["scores_3d"]
    found = sample.pred_instances_3d
    np.testing.assert_allclose(theirs["bboxes_3d"], found.bboxes_3d.tensor, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(theirs["scores_3d"], found.scores_3d, rtol=1e-4)
    assert theirs["labels_3d"] == found.labels_3d.tolist()
