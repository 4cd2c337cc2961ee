"""Truth scores 1 by TruckScenes' own devkit, and what differs from nuScenes is heeded."""

import json
import pickle

import pytest
import torch
from mmdet3d.structures import CameraInstance3DBoxes

from epropnp_det.errors import UserError
from epropnp_det.evaluation import NuScenesMonoMetric
from epropnp_det.evaluation.attributes import choose_attributes
from epropnp_det.evaluation.leaderboard import LeaderboardSplit

PREFIX = "NuScenes metric/pred_instances_3d_NuScenes/"


@pytest.fixture(scope="module")
def infos(truck_root) -> dict:
    return pickle.loads((truck_root / "truckscenes_infos_val.pkl").read_bytes())


def truth(infos: dict) -> list[dict]:
    """What the images show and the devkit counts, as predictions."""
    samples = []
    for frame in infos["data_list"]:
        for i, name in enumerate(frame["images"]):
            rows = [x for x in frame["cam_instances"][name] if x["bbox_3d_isvalid"]]
            boxes = torch.tensor([[*x["bbox_3d"], *x["velocity"]] for x in rows]).reshape(-1, 9)
            boxes[:, 1] += boxes[:, 4] / 2  # the gravity centre to the bottom
            samples.append(
                {
                    "sample_idx": frame["sample_idx"] * 6 + i,
                    "pred_instances_3d": {
                        "bboxes_3d": CameraInstance3DBoxes(boxes.nan_to_num(), box_dim=9),
                        "scores_3d": torch.ones(len(rows)),
                        "labels_3d": torch.tensor([x["bbox_label_3d"] for x in rows]).long(),
                        "attr_labels": torch.tensor([x["attr_label"] for x in rows]).long(),
                    },
                }
            )
    return samples


def evaluate(truck_root, infos, truck_rig, samples, meta=None, **settings) -> dict[str, float]:
    metric = NuScenesMonoMetric(
        str(truck_root), str(truck_root / "truckscenes_infos_val.pkl"), **settings
    )
    metric.dataset_meta = {**infos["metainfo"], "classes": truck_rig.classes, **(meta or {})}
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_truth_scores_one(truck_root, infos, truck_rig, tmp_path):
    scores = evaluate(
        truck_root,
        infos,
        truck_rig,
        truth(infos),
        visible_only=True,
        jsonfile_prefix=str(tmp_path),
    )
    summary = json.loads((tmp_path / "pred_instances_3d" / "metrics_summary.json").read_text())[
        "all"
    ]
    assert set(summary["mean_dist_aps"]) == set(truck_rig.classes)
    present = {
        truck_rig.classes[x["bbox_label_3d"]]
        for frame in infos["data_list"]
        for rows in frame["cam_instances"].values()
        for x in rows
        if x["bbox_3d_isvalid"]
    }
    assert len(present) >= 8 and "traffic_sign" in present
    for name in present:
        assert summary["mean_dist_aps"][name] == pytest.approx(1, abs=1e-3), name
        errors = summary["label_tp_errors"][name]
        assert all(errors[key] < 1e-3 for key in ("trans_err", "scale_err"))
        # NaN where the devkit defines none.
        assert not any(errors[key] > 1e-3 for key in ("orient_err", "attr_err")), (name, errors)
    assert scores[f"{PREFIX}mAP"] == pytest.approx(len(present) / 12, abs=1e-3)


def test_nothing_predicted(truck_root, infos, truck_rig):
    nothing = {
        "bboxes_3d": CameraInstance3DBoxes(torch.zeros(0, 9), box_dim=9),
        "scores_3d": torch.zeros(0),
        "labels_3d": torch.zeros(0).long(),
    }
    samples = [{**sample, "pred_instances_3d": nothing} for sample in truth(infos)]
    scores = evaluate(truck_root, infos, truck_rig, samples)
    assert scores[f"{PREFIX}mAP"] == scores[f"{PREFIX}NDS"] == 0


def test_ranges_of_the_rig(truck_root, infos, truck_rig, tmp_path):
    content = {**infos, "metainfo": {**infos["metainfo"]}}
    content["metainfo"]["rig"] = {**truck_rig.as_dict(), "class_range": {"car": 12.0}}
    path = tmp_path / "near.pkl"
    path.write_bytes(pickle.dumps(content))
    counted = []
    for ann_file in (truck_root / "truckscenes_infos_val.pkl", path):
        meta = pickle.loads(ann_file.read_bytes())["metainfo"]
        metric = NuScenesMonoMetric(
            str(truck_root), str(ann_file), jsonfile_prefix=str(tmp_path), format_only=True
        )
        metric.dataset_meta = {**meta, "classes": truck_rig.classes}
        samples = truth(infos)
        metric.process({}, samples)
        metric.evaluate(len(samples))
        written = json.loads((tmp_path / "pred_instances_3d" / "results_nusc.json").read_text())[
            "results"
        ]
        counted.append(
            sum(box["detection_name"] == "car" for boxes in written.values() for box in boxes)
        )
    assert 0 < counted[1] < counted[0]


def test_settings_that_do_not_fit(truck_root, infos, truck_rig):
    with pytest.raises(UserError, match="is of another rig than the evaluated data set"):
        evaluate(truck_root, infos, truck_rig, [], meta={"rig": None})
    with pytest.raises(UserError, match="MAN TruckScenes has no eval_version detection_cvpr_2019"):
        evaluate(truck_root, infos, truck_rig, [], eval_version="detection_cvpr_2019")
    with pytest.raises(UserError, match="MAN TruckScenes has no detection class forklift"):
        evaluate(truck_root, infos, truck_rig, [], meta={"classes": ("forklift",)})
    with pytest.raises(UserError, match="Split mine is not in version v1.2-mini"):
        evaluate(truck_root, infos, truck_rig, [], eval_set="mine")


def test_the_leaderboard_is_of_nuscenes(truck_root, tmp_path):
    tables = tmp_path / "v1.0-mini"  # a version that both have
    tables.symlink_to(truck_root / "v1.2-mini")
    with pytest.raises(UserError, match="is of MAN TruckScenes, and this is for the leaderboard"):
        LeaderboardSplit.find(tmp_path, "v1.0-mini", ".")


def test_attributes(truck_rig):
    classes = truck_rig.classes
    sign, animal, car = (classes.index(name) for name in ("traffic_sign", "animal", "car"))
    labels = torch.tensor([sign, animal, car]).numpy()
    scores = torch.zeros(3, 12)
    scores[:, truck_rig.attributes.index("traffic_sign.overhanging")] = 1.0
    scores[:, truck_rig.attributes.index("vehicle.stopped")] = 0.5
    found = choose_attributes(classes, labels, attr_scores=scores.numpy(), rig=truck_rig)
    assert found.tolist() == ["traffic_sign.overhanging", "", "vehicle.stopped"]
    none = torch.full((3,), truck_rig.no_attribute).numpy()
    found = choose_attributes(classes, labels, attr_labels=none, rig=truck_rig)
    assert found.tolist() == ["traffic_sign.pole_mounted", "", "vehicle.parked"]
