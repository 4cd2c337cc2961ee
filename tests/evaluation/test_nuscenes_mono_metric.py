import json
import pickle

import numpy as np
import pytest
import torch
from mmdet3d.registry import METRICS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.datasets.nuscenes_names import ATTRIBUTES, CLASSES
from epropnp_det.errors import UserError
from epropnp_det.evaluation import NuScenesMonoMetric

PREFIX = "NuScenes metric/pred_instances_3d_NuScenes"
VAL, TRAIN = "scene-0103", "scene-0061"
PRESENT = ("car", "truck", "pedestrian", "bicycle", "traffic_cone", "barrier")


def build(data_root, ann_file, **settings) -> NuScenesMonoMetric:
    settings = {"type": "NuScenesMonoMetric", "data_root": str(data_root)} | settings
    metric = METRICS.build(settings | {"ann_file": str(ann_file)})
    # What the stock dataset says by default, whatever the info file is.
    metric.dataset_meta = {"classes": CLASSES, "version": "v1.0-trainval"}
    return metric


def run(metric, data_samples) -> dict:
    for sample in data_samples:
        metric.process({}, [sample])
    scores = metric.evaluate(len(data_samples))
    return {key.removeprefix(f"{PREFIX}/"): value for key, value in scores.items()}


def evaluate(root, scene=VAL, data_samples=None, **settings) -> dict:
    samples = root.data_samples(scene) if data_samples is None else data_samples
    return run(build(root.root, root.ann_file(scene), **settings), samples)


def submitted(folder) -> dict[str, list[dict]]:
    path = folder / "pred_instances_3d" / "results_nusc.json"
    return json.loads(path.read_text())["results"]


def assert_exact(scores: dict, classes) -> None:
    for name in classes:
        for distance in ("0.5", "1.0", "2.0", "4.0"):
            assert scores[f"{name}_AP_dist_{distance}"] == pytest.approx(1)
        assert scores[f"{name}_trans_err"] < 1e-3
        assert scores[f"{name}_scale_err"] < 1e-3
        if name != "traffic_cone":
            assert scores[f"{name}_orient_err"] < 5e-3


def test_ground_truth_in_exact(tiny_root):
    scores = evaluate(tiny_root)
    assert_exact(scores, PRESENT)
    assert scores["car_attr_err"] == 0
    assert np.isnan(scores["barrier_attr_err"])
    # The devkit gives classes that the split lacks AP 0 and error 1.
    assert scores["mAP"] == pytest.approx(0.6)
    assert scores["bus_trans_err"] == 1
    assert {"NDS", "mATE", "mASE", "mAOE", "mAVE", "mAAE"} <= scores.keys()


def test_objects_in_two_cameras_are_merged(tiny_root, tmp_path):
    samples = tiny_root.data_samples(VAL)
    fed = sum(len(sample["pred_instances_3d"]["scores_3d"]) for sample in samples)
    evaluate(tiny_root, jsonfile_prefix=str(tmp_path / "out"))
    merged = submitted(tmp_path / "out")
    assert sum(map(len, merged.values())) == sum(len(tiny_root.truth[token]) for token in merged)
    evaluate(tiny_root, jsonfile_prefix=str(tmp_path / "all"), nms_thr=None)
    assert sum(map(len, submitted(tmp_path / "all").values())) == fed
    assert fed > sum(map(len, merged.values()))


def keyframe_predictions(frame: dict, as_prediction) -> list[dict]:
    """Ground truth that the devkit counts, per camera."""
    samples = []
    for position, instances in enumerate(frame["cam_instances"].values()):
        seen = [
            item
            for item in instances
            if item["num_lidar_pts"] + item["num_radar_pts"] > 0 and item["bbox_label_3d"] >= 0
        ]
        boxes = np.array([item["bbox_3d"] + item["velocity"] for item in seen]).reshape(-1, 9)
        boxes[:, 1] += boxes[:, 4] / 2
        names = [CLASSES[item["bbox_label_3d"]] for item in seen]
        attributes = [(*ATTRIBUTES, "")[item["attr_label"]] for item in seen]
        sample_idx = 6 * frame["sample_idx"] + position
        samples.append(as_prediction(sample_idx, boxes, names, attributes))
    return samples


def test_ground_truth_of_a_real_keyframe_in_exact(keyframe_root, tmp_path, as_prediction):
    create_nuscenes_infos(keyframe_root, "v1.0-mini", tmp_path)
    ann_file = tmp_path / "nuscenes_infos_train.pkl"
    (frame,) = pickle.loads(ann_file.read_bytes())["data_list"]
    metric = build(keyframe_root, ann_file, eval_set="mini_train")
    scores = run(metric, keyframe_predictions(frame, as_prediction))
    assert_exact(scores, ("barrier", "pedestrian", "car", "traffic_cone", "truck"))


def test_shift_comes_back_as_translation_error(tiny_root):
    samples = tiny_root.data_samples(VAL)
    for sample in samples:
        sample["pred_instances_3d"]["bboxes_3d"].tensor[:, [0, 2]] += torch.tensor([0.3, 0.4])
    scores = evaluate(tiny_root, data_samples=samples, nms_thr=None)
    for name in PRESENT:
        assert scores[f"{name}_trans_err"] == pytest.approx(0.5, abs=1e-4)
        assert scores[f"{name}_scale_err"] < 1e-4


def test_velocity_turns_with_the_camera(tiny_root, tmp_path):
    samples = tiny_root.data_samples(VAL)
    for sample in samples:
        # Straight away from the camera.
        sample["pred_instances_3d"]["bboxes_3d"].tensor[:, 7:] = torch.tensor([0.0, 2.0])
    evaluate(tiny_root, data_samples=samples, jsonfile_prefix=str(tmp_path / "out"))
    frames = {frame["token"]: frame for frame in tiny_root.infos(VAL)["data_list"]}
    for token, boxes in submitted(tmp_path / "out").items():
        images = frames[token]["images"].values()
        axes = [(np.array(i["ego2global"]) @ np.array(i["cam2ego"]))[:2, 2] for i in images]
        for box in boxes:
            gaps = np.linalg.norm(np.array(box["velocity"]) - 2 * np.array(axes), axis=1)
            assert gaps.min() < 1e-6


def test_best_fitting_attribute_score_wins(tiny_root):
    samples = tiny_root.data_samples(VAL)
    for sample in samples:
        predictions = sample["pred_instances_3d"]
        labels = predictions["attr_labels"]
        predictions["attr_scores"] = torch.nn.functional.one_hot(labels, 9).float()
        predictions["attr_scores"][:, 8] = 5
        predictions["attr_labels"] = torch.full_like(labels, 8)
    assert evaluate(tiny_root, data_samples=samples)["mAAE"] == pytest.approx(4 / 8)
    assert evaluate(tiny_root, data_samples=samples)["car_attr_err"] == 0


def test_boxes_without_velocity(tiny_root):
    samples = tiny_root.data_samples(VAL, box_dim=7)
    assert_exact(evaluate(tiny_root, data_samples=samples), PRESENT)


def test_under_an_evaluator(tiny_root):
    metric = build(tiny_root.root, tiny_root.ann_file(VAL))
    evaluator = Evaluator([metric])
    samples = tiny_root.data_samples(VAL)
    for sample in samples:
        outputs = Det3DDataSample(metainfo={"sample_idx": sample["sample_idx"]})
        outputs.pred_instances_3d = InstanceData(**sample["pred_instances_3d"])
        evaluator.process([outputs], {})
    scores = evaluator.evaluate(len(samples))
    assert_exact({key.removeprefix(f"{PREFIX}/"): scores[key] for key in scores}, PRESENT)


def test_nothing_predicted(tiny_root, tmp_path, as_prediction):
    samples = [as_prediction(index, []) for index in range(12)]
    scores = evaluate(tiny_root, data_samples=samples, jsonfile_prefix=str(tmp_path / "out"))
    assert scores["NDS"] == scores["mAP"] == 0
    assert scores["mATE"] == 1
    assert np.isnan(scores["traffic_cone_orient_err"])
    assert submitted(tmp_path / "out") == {f"{VAL}-0": [], f"{VAL}-1": []}


def test_some_images_without_detections(tiny_root, as_prediction):
    samples = tiny_root.data_samples(VAL)
    samples[6:] = [as_prediction(index, []) for index in range(6, 12)]
    # Half of the objects, found without a mistake: precision 1 up to recall 0.5.
    scores = evaluate(tiny_root, data_samples=samples)
    assert scores["truck_AP_dist_1.0"] == pytest.approx(40 / 90)


def row(x: float, z: float, length: float = 4.0) -> list[float]:
    return [x, 1.0, z, length, 1.5, 2.0, 0.0, 0.0, 0.0]


def test_what_is_left_out(tiny_root, tmp_path, as_prediction):
    rows = [row(0, 20), row(0, 60), row(np.nan, 30), row(0, 30, 0.0), row(9, 30), row(-9, 30)]
    scores = [0.9, 0.9, 0.9, 0.9, 0.04, np.nan]
    samples = [as_prediction(0, rows, ["car"] * 6, ["vehicle.parked"] * 6, scores)]
    samples += [as_prediction(index, []) for index in range(1, 12)]
    folder = tmp_path / "out"
    evaluate(
        tiny_root, data_samples=samples, jsonfile_prefix=str(folder), score_thr=0.05, max_boxes=2
    )
    (box,) = submitted(folder)[f"{VAL}-0"]
    assert box["detection_score"] == pytest.approx(0.9)
    assert box["size"] == [2.0, 4.0, 1.5]


def test_more_than_500_boxes(tiny_root, tmp_path, as_prediction):
    samples = [
        as_prediction(index, [row(0, 20)] * 90, ["car"] * 90, ["vehicle.parked"] * 90)
        for index in range(12)
    ]
    folder = tmp_path / "out"
    evaluate(tiny_root, data_samples=samples, jsonfile_prefix=str(folder), nms_thr=None)
    for token, boxes in submitted(folder).items():
        fed = torch.cat(
            [
                sample["pred_instances_3d"]["scores_3d"]
                for sample in samples
                if sample["sample_idx"] // 6 == int(token[-1])
            ]
        )
        best = fed.sort(descending=True).values[:500]
        assert [box["detection_score"] for box in boxes] == pytest.approx(best.tolist())


def test_repeated_images_count_once(tiny_root):
    samples = tiny_root.data_samples(VAL)
    scores = evaluate(tiny_root, data_samples=samples + samples[:4], nms_thr=None)
    once = evaluate(tiny_root, data_samples=samples, nms_thr=None)
    np.testing.assert_equal(scores, once)


def edited(tiny_root, edit) -> None:
    """Change every image record of the info file."""
    content = tiny_root.infos(VAL)
    for frame in content["data_list"]:
        for image in frame["images"].values():
            edit(image)
    tiny_root.ann_file(VAL).write_bytes(pickle.dumps(content))


@pytest.fixture
def log(caplog):
    logger = MMLogger.get_current_instance()
    caplog.handler.setLevel("WARNING")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_stock_info_file_takes_poses_from_the_tables(tiny_root, log):
    samples = tiny_root.data_samples(VAL)
    edited(tiny_root, lambda image: image.pop("ego2global"))
    assert_exact(evaluate(tiny_root, data_samples=samples), PRESENT)
    assert not log.records


def test_without_any_pose_the_lidars_is_used_with_one_warning(tiny_root, log):
    samples = tiny_root.data_samples(VAL)
    edited(tiny_root, lambda image: image.pop("ego2global"))
    edited(tiny_root, lambda image: image.pop("sample_data_token"))
    scores = evaluate(tiny_root, data_samples=samples)
    assert 0.05 < scores["car_trans_err"] < 1
    assert scores["car_AP_dist_4.0"] == pytest.approx(1)
    (record,) = log.records
    assert "12 images have an ego pose neither" in record.getMessage()


def test_missing_images_are_warned_of(tiny_root, log):
    evaluate(tiny_root, data_samples=tiny_root.data_samples(VAL)[:7])
    (record,) = log.records
    assert "5 images of" in record.getMessage()


def test_any_split_of_the_version(tiny_root):
    assert_exact(evaluate(tiny_root, TRAIN, eval_set="mini_train"), PRESENT)


def test_custom_split(tiny_root):
    splits = tiny_root.root / "v1.0-mini" / "splits.json"
    splits.write_text(json.dumps({"mine": [TRAIN]}))
    assert_exact(evaluate(tiny_root, TRAIN, eval_set="mine"), PRESENT)
    with pytest.raises(UserError, match="Split yours is not in .* mini_train, mini_val, mine"):
        evaluate(tiny_root, TRAIN, eval_set="yours")
    splits.write_text("[1")
    with pytest.raises(UserError, match=r"splits\.json does not map"):
        evaluate(tiny_root, TRAIN, eval_set="mine")


def test_format_only_without_annotations(unannotated_root, tmp_path):
    scene = "scene-0077"
    with pytest.raises(UserError, match="Split test has no annotated object .* set format_only"):
        evaluate(unannotated_root, scene)
    folder = tmp_path / "out"
    scores = evaluate(unannotated_root, scene, format_only=True, jsonfile_prefix=str(folder))
    assert scores == {}
    assert len(submitted(folder)[f"{scene}-0"]) == len(unannotated_root.truth[f"{scene}-0"])


def before_the_first_image(root, scene=VAL, **settings):
    """What mmengine does when it builds the loop."""
    return build(root.root, root.ann_file(scene), **settings)


def test_wrong_split_is_said_before_the_first_image(tiny_root):
    with pytest.raises(UserError, match="none of the 2 samples of the evaluator.s ann_file is in"):
        before_the_first_image(tiny_root, eval_set="mini_train")
    for name in ("scene", "sample"):
        table = tiny_root.root / "v1.0-mini" / f"{name}.json"
        rows = json.loads(table.read_text())
        table.write_text(json.dumps([row for row in rows if VAL not in json.dumps(row)]))
    with pytest.raises(UserError, match=r"no scene of split mini_val: .*\(mini_train\)"):
        before_the_first_image(tiny_root)
    (tiny_root.root / "v1.0-mini" / "scene.json").write_text("[")
    with pytest.raises(UserError, match="scene.json is not valid JSON"):
        before_the_first_image(tiny_root)


def test_names_of_the_scores_are_those_that_come(tiny_root):
    names = before_the_first_image(tiny_root).score_names.with_prefix("NuScenes metric")
    scores = evaluate(tiny_root)
    assert {*names.higher, *names.lower} == {f"{PREFIX}/{key}" for key in scores}
    assert names.main == f"{PREFIX}/NDS"


def test_a_part_of_the_classes_is_said(tiny_root, as_prediction, monkeypatch):
    said = []
    monkeypatch.setattr(
        "epropnp_det.evaluation.nuscenes_mono_metric.print_log", lambda text, *_: said.append(text)
    )
    samples = tiny_root.data_samples(VAL)
    for sample in samples:
        found = sample["pred_instances_3d"]
        cars = found["labels_3d"] == 0
        sample["pred_instances_3d"] = {key: value[cars] for key, value in found.items()}
    whole = before_the_first_image(tiny_root)
    run(whole, samples)
    assert not [text for text in said if "classes" in text]
    part = before_the_first_image(tiny_root)
    part.dataset_meta = {"classes": ("car", "pedestrian")}
    assert run(part, samples)["mAP"] == pytest.approx(0.1)
    (text,) = [text for text in said if "classes" in text]
    assert "10 classes of nuScenes, of which 8 are not" in text and "alone mAP is 0.5000" in text


def test_split_without_any_annotated_object(tiny_root):
    table = tiny_root.root / "v1.0-mini" / "sample_annotation.json"
    kept = [r for r in json.loads(table.read_text()) if not r["sample_token"].startswith(VAL)]
    table.write_text(json.dumps(kept))
    with pytest.raises(UserError, match="Split mini_val has no annotated object"):
        evaluate(tiny_root)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data_root": "/nowhere"}, "No nuScenes tables at /nowhere/v1.0-mini"),
        ({"version": "v1.0-trainval"}, "No nuScenes tables at .*/v1.0-trainval"),
        ({"eval_set": "val"}, "Split val is not in version v1.0-mini: .* mini_train, mini_val"),
        ({"eval_set": "vall"}, "Split vall is not in version v1.0-mini"),
        ({"ann_file": "/nowhere.pkl"}, "info file /nowhere.pkl does not exist"),
        ({"max_boxes": 0}, "max_boxes is 0: give at least 1"),
        ({"nms_thr": -0.1}, "nms_thr is -0.1: give one from 0 to 1, or None"),
        ({"eval_version": "detection_1999"}, "no eval_version detection_1999"),
        ({"format_only": True}, "format_only needs jsonfile_prefix"),
        ({"metric": "segm"}, "'bbox' alone, not 'segm'"),
        ({"max_boxes": 501}, "nuScenes allows 500 boxes"),
    ],
)
def test_wrong_setting_fails_before_any_batch(tiny_root, settings, message):
    with pytest.raises(UserError, match=message):
        build(**({"data_root": tiny_root.root, "ann_file": tiny_root.ann_file(VAL)} | settings))


def test_wrong_setting_fails_when_mmengine_builds_the_loop(tiny_root):
    metric = NuScenesMonoMetric(str(tiny_root.root), "/nowhere.pkl")
    with pytest.raises(UserError, match=r"info file /nowhere\.pkl does not exist"):
        Evaluator([metric]).dataset_meta = {"classes": CLASSES}


def test_info_file_that_is_none(tiny_root):
    samples = tiny_root.data_samples(VAL)
    frame = {"metainfo": {}, "data_list": [{"images": {"CAM_FRONT": {}}}]}
    for content, message in (
        (pickle.dumps(["something else"]), "not in mmdet3d v2 format"),
        (pickle.dumps(frame), r"not in mmdet3d v2 format \(KeyError"),
        (b"no pickle", "is not readable"),
    ):
        tiny_root.ann_file(VAL).write_bytes(content)
        with pytest.raises(UserError, match=message):
            evaluate(tiny_root, data_samples=samples)


def test_samples_and_split_do_not_fit(tiny_root):
    samples = tiny_root.data_samples(VAL)
    with pytest.raises(UserError, match="none of the 2 samples .* is in split mini_train"):
        evaluate(tiny_root, eval_set="mini_train")
    with pytest.raises(UserError, match=f"1 samples of split mini_val .* {VAL}-1"):
        evaluate(tiny_root, data_samples=samples[:6])
    with pytest.raises(UserError, match="Image 99 is not in"):
        evaluate(tiny_root, data_samples=[samples[0] | {"sample_idx": 99}])


def test_broken_tables(tiny_root):
    (tiny_root.root / "v1.0-mini" / "sample.json").unlink()
    with pytest.raises(UserError, match=r"sample\.json is missing"):
        evaluate(tiny_root)


def test_split_without_a_scene(tiny_root):
    scenes = tiny_root.root / "v1.0-mini" / "scene.json"
    records = [record | {"name": TRAIN} for record in json.loads(scenes.read_text())]
    scenes.write_text(json.dumps(records))
    with pytest.raises(UserError, match="holds no scene of split mini_val"):
        evaluate(tiny_root, data_samples=[])


def test_other_boxes_and_classes_are_refused(tiny_root):
    samples = tiny_root.data_samples(VAL)
    samples[0]["pred_instances_3d"]["bboxes_3d"] = LiDARInstance3DBoxes(torch.zeros(1, 7))
    with pytest.raises(UserError, match="not LiDARInstance3DBoxes"):
        evaluate(tiny_root, data_samples=samples)
    metric = build(tiny_root.root, tiny_root.ann_file(VAL))
    with pytest.raises(UserError, match="no detection class cow"):
        metric.dataset_meta = {"classes": ("car", "cow")}


def test_version_comes_from_dataset_meta_last(tiny_root):
    samples = tiny_root.data_samples(VAL)
    content = tiny_root.infos(VAL)
    del content["metainfo"]["version"]
    tiny_root.ann_file(VAL).write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="No nuScenes tables at .*/v1.0-trainval"):
        evaluate(tiny_root, data_samples=samples)
    assert_exact(evaluate(tiny_root, data_samples=samples, version="v1.0-mini"), PRESENT)
    metric = NuScenesMonoMetric(str(tiny_root.root), str(tiny_root.ann_file(VAL)))
    with pytest.raises(UserError, match="does not name its nuScenes version"):
        metric.dataset_meta = {"classes": CLASSES}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_predictions_on_a_gpu(tiny_root):
    samples = tiny_root.data_samples(VAL)
    for sample in samples:
        predictions = sample["pred_instances_3d"]
        for name, values in predictions.items():
            predictions[name] = values.to("cuda")
    assert_exact(evaluate(tiny_root, data_samples=samples), PRESENT)
