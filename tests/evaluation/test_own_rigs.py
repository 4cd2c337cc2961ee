"""Ground truth of rigs, categories, labels and splits that are not nuScenes' own."""

import json
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from true_boxes import HALF_VIEW, data_sample, in_camera

from epropnp_det.datasets.nuscenes_names import CAMERAS, CLASSES
from epropnp_det.errors import UserError
from epropnp_det.evaluation import NuScenesMonoMetric, nuscenes_mono_metric, truth_checks

VAL, TRAIN = "scene-0103", "scene-0061"
PRESENT = 6  # classes in the tables, of ten
LABEL = {name: label for label, name in enumerate(CLASSES)}


@pytest.fixture
def edit(tiny_root) -> Callable[[str, Callable[[list[dict]], list[dict]]], None]:
    """Change the rows of a table."""

    def change(name: str, function: Callable[[list[dict]], list[dict]]) -> None:
        path = tiny_root.root / "v1.0-mini" / f"{name}.json"
        path.write_text(json.dumps(function(json.loads(path.read_text()))))

    return change


@pytest.fixture
def edit_infos(tiny_root) -> Callable[..., None]:
    """Change the content of the info file of the validation scene."""

    def change(function: Callable[[dict], None]) -> None:
        content = tiny_root.infos(VAL)
        function(content)
        tiny_root.ann_file(VAL).write_bytes(pickle.dumps(content))

    return change


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the metric says."""
    found = []
    for module in (nuscenes_mono_metric, truth_checks):
        monkeypatch.setattr(module, "print_log", lambda text, *_: found.append(text))
    return found


def build(root, **settings) -> NuScenesMonoMetric:
    settings = {"ann_file": str(root.ann_file(VAL)), **settings}
    metric = NuScenesMonoMetric(str(root.root), **settings)
    metric.dataset_meta = {"classes": CLASSES}
    return metric


def scores(root, samples=None, **settings) -> dict[str, float]:
    """Scores of the truth, or of other predictions."""
    metric = build(root, **settings)
    samples = root.data_samples(VAL) if samples is None else samples
    metric.process({}, samples)
    found = metric.evaluate(len(samples))
    return {key.rsplit("/", 1)[-1]: value for key, value in found.items()}


def with_rows(**values) -> Callable[[list[dict]], list[dict]]:
    return lambda rows: [{**row, **values} for row in rows]


def test_rig_without_lidar(tiny_root, edit):
    edit("sample_data", lambda rows: [r for r in rows if not r["token"].endswith("LIDAR_TOP")])
    edit("sensor", lambda rows: [row for row in rows if row["modality"] == "camera"])
    assert scores(tiny_root)["mAP"] == pytest.approx(PRESENT / 10)


def seven_cameras(content: dict) -> None:
    for frame in content["data_list"]:
        frame["images"] = {"CAM_MAST": frame["images"]["CAM_BACK"], **frame["images"]}


@pytest.mark.parametrize("backwards", [False, True])
def test_images_of_a_rig_of_seven_cameras_have_numbers_of_their_own(
    tiny_root, edit_infos, backwards
):
    edit_infos(seven_cameras)
    samples = [
        data_sample(
            7 * frame["sample_idx"] + i,
            *in_camera(tiny_root.truth[frame["token"]], image, HALF_VIEW),
        )
        for frame in tiny_root.infos(VAL)["data_list"]
        for i, image in enumerate(frame["images"].values())
    ]
    samples = samples[::-1] if backwards else samples
    assert scores(tiny_root, samples)["mAP"] == pytest.approx(PRESENT / 10)


def front_alone(tiny_root, content: dict) -> None:
    """The front camera's images, and which annotations they show."""
    for frame in content["data_list"]:
        frame["images"] = {"CAM_FRONT": frame["images"]["CAM_FRONT"]}
        shown, _, _ = in_camera(tiny_root.truth[frame["token"]], frame["images"]["CAM_FRONT"], 35)
        centers = {tuple(np.round(row[:3:2], 3)) for row in shown}
        instances = []
        for i, truth in enumerate(tiny_root.truth[frame["token"]]):
            rows, names, _ = in_camera([truth], frame["images"]["CAM_FRONT"], 35)
            if rows and tuple(np.round(rows[0][:3:2], 3)) in centers:
                token = f"{frame['token']}-{i}"
                instances.append({"bbox_label_3d": LABEL[names[0]], "ann_token": token})
        frame["cam_instances"] = {"CAM_FRONT": instances}


def test_what_no_camera_sees_is_said_to_count_or_left_out(tiny_root, edit_infos, said):
    edit_infos(lambda content: front_alone(tiny_root, content))
    samples = [sample for sample in tiny_root.data_samples(VAL) if sample["sample_idx"] % 6 == 0]
    found = scores(tiny_root, samples)
    assert found["mAP"] < 0.3
    (text,) = [text for text in said if "count as missed" in text]
    assert "CAM_BACK, CAM_BACK_LEFT" in text and "visible_only=True" in text
    said.clear()
    found = scores(tiny_root, samples, visible_only=True)
    # The front camera sees the cars and a barrier.
    assert found["mAP"] == pytest.approx(0.2)
    assert found["car_AP_dist_0.5"] == found["barrier_AP_dist_0.5"] == pytest.approx(1)
    assert not [text for text in said if "missed" in text]


def test_file_that_does_not_tell_what_is_visible(tiny_root, edit_infos):
    def shown(content):
        for frame in content["data_list"]:
            frame["cam_instances"] = {CAMERAS[0]: [{"bbox_label_3d": 0}]}

    edit_infos(shown)
    with pytest.raises(UserError, match="visible_only needs .* make it with tools/create_data.py"):
        build(tiny_root, visible_only=True)


def test_labels_without_points(tiny_root, edit):
    edit("sample_annotation", with_rows(num_lidar_pts=0))
    with pytest.raises(UserError, match="none of the objects .* set the evaluator's filter_points"):
        build(tiny_root)
    found = scores(tiny_root, filter_points=False)
    assert found["mAP"] == pytest.approx(PRESENT / 10)


def test_points_as_the_info_file_tells_them(tiny_root, edit, edit_infos):
    instance = {"bbox_label_3d": 0, "bbox_3d": [9.0, 0, 0, 1, 1, 1, 0], "num_lidar_pts": 0}

    def objects(distance: float, points: int):
        def change(content):
            for frame in content["data_list"]:
                box = [distance, *instance["bbox_3d"][1:]]
                frame["instances"] = [{**instance, "bbox_3d": box, "num_lidar_pts": points}]

        return change

    edit("sample_annotation", with_rows(num_lidar_pts=0))
    edit_infos(objects(20.0, 0))
    with pytest.raises(UserError, match="set the evaluator's filter_points=False"):
        build(tiny_root)
    build(tiny_root, filter_points=False)
    edit_infos(objects(60.0, 3))
    with pytest.raises(UserError, match="none of the 2 objects .* is as near to the vehicle"):
        build(tiny_root)
    edit_infos(objects(20.0, 3))
    build(tiny_root)


def test_categories_of_ones_own(tiny_root, edit, edit_infos):
    own = {"vehicle.car": "yard.forklift"}
    edit("category", lambda rows: [{**r, "name": own.get(r["name"], r["name"])} for r in rows])
    assert scores(tiny_root)["car_AP_dist_4.0"] == 0
    edit_infos(lambda c: c["metainfo"].update(mapped_categories={"yard.forklift": "car"}))
    assert scores(tiny_root)["mAP"] == pytest.approx(PRESENT / 10)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (["vehicle.parked", "vehicle.moving"], "has the attributes vehicle.parked, vehicle.moving"),
        (["vehicle.loading"], "has the attribute vehicle.loading, which the detection of nuScenes"),
    ],
)
def test_attributes_that_the_devkit_refuses(tiny_root, edit, own, said):
    edit("attribute", lambda rows: [*rows, {"token": "vehicle.loading", "name": "vehicle.loading"}])
    edit(
        "sample_annotation",
        lambda rows: [
            {**row, "attribute_tokens": own} if row["token"] == f"{VAL}-1-2" else row
            for row in rows
        ],
    )
    with pytest.raises(UserError, match=f"sample_annotation.json: annotation {VAL}-1-2 {said}"):
        build(tiny_root)


def own_splits(root, content: object) -> None:
    (root.root / "v1.0-mini" / "splits.json").write_text(json.dumps(content))


def test_a_part_of_a_split(tiny_root, edit, said):
    """Each sample a scene of its own, of which one is evaluated."""
    edit("scene", lambda rows: [*rows, {"token": "part", "name": "scene-part", "log_token": "log"}])
    edit(
        "sample",
        lambda rows: [
            {**row, "scene_token": "part"} if row["token"] == f"{VAL}-0" else row for row in rows
        ],
    )
    own_splits(tiny_root, {"mine": ["scene-part"]})
    # With a data set's `indices`, the images of the others do not come.
    found = scores(tiny_root, tiny_root.data_samples(VAL)[:6], eval_set="mine")
    assert found["mAP"] == pytest.approx(PRESENT / 10)
    assert not [text for text in said if "not evaluated" in text or "do not count" in text]
    assert scores(tiny_root, eval_set="mine")["NDS"] == pytest.approx(found["NDS"], abs=1e-5)
    assert "1 evaluated samples are not of split mine and do not count." in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"mine": VAL}, f"mine is '{VAL}', no list of names of scenes"),
        ({"mine": 3}, "mine is 3, no list of names of scenes"),
        ({"mine": [3]}, r"mine is \[3\], no list of names of scenes"),
        ({"mine": [VAL, "scene-9999"]}, "no scene scene-9999, which mine lists"),
        ({"mine": [VAL], "mini_val": [TRAIN]}, "defines the split mini_val, which the devkit has"),
        ([1], "does not map names to lists of scenes"),
    ],
)
def test_wrong_lists_of_scenes(tiny_root, content, said):
    own_splits(tiny_root, content)
    with pytest.raises(UserError, match=f"{tiny_root.root}/v1.0-mini/splits.json.*{said}"):
        build(tiny_root, eval_set="mine")


def test_where_a_split_of_ones_own_is_written_is_named_in_full(tiny_root):
    samples = tiny_root.data_samples(VAL)[:6]
    with pytest.raises(UserError, match=f"{tiny_root.root}/v1.0-mini/splits.json .*create_split"):
        scores(tiny_root, samples)
