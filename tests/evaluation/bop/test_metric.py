"""The metric as mmengine's loops call it."""

import shutil

import pytest
import torch
from mmdet3d.registry import METRICS
from mmengine.evaluator import Evaluator
from scipy.spatial.transform import Rotation

from epropnp_det.errors import UserError
from epropnp_det.evaluation import BOPMetric
from epropnp_det.evaluation.bop import Estimates, read_estimates
from epropnp_det.structures import ObjectPoseSample

META = dict(classes=("box", "cube"), obj_ids=(1, 7))


def samples_of(estimates: Estimates) -> list[ObjectPoseSample]:
    """Predictions in metres."""
    samples = []
    for index in range(len(estimates)):
        i, j, k, w = Rotation.from_matrix(estimates.poses.rotation[index]).as_quat()
        names = ("scene_id", "im_id", "obj_id")
        ids = {name: int(getattr(estimates, name)[index]) for name in names}
        sample = ObjectPoseSample(metainfo=dict(ids, score=1.0, time=-1.0))
        place = (estimates.poses.translation[index] / 1000).tolist()
        sample.pred_pose = torch.tensor([*place, w, i, j, k])
        sample.pred_score = float(estimates.score[index])
        samples.append(sample)
    return samples


def run(metric: BOPMetric, samples: list[ObjectPoseSample], meta: dict = META) -> dict:
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = meta
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start : start + 2], {})
    return evaluator.evaluate(len(samples))


def test_the_truth_is_perfect(bop_root, perfect):
    metric = METRICS.build(dict(type="BOPMetric", data_root=str(bop_root)))
    found = run(metric, samples_of(perfect()))
    keys = metric.score_names.with_prefix("BOP").higher
    assert [found[key] for key in keys] == pytest.approx([1] * len(keys))
    assert found["BOP/box/ADD_0.1d"] == found["BOP/cube/AR_MSPD"] == 1.0
    assert metric.score_names.main == "ADD_0.1d"


def test_scores_are_those_of_the_file_that_is_written(bop_root, tmp_path, perfect):
    prefix = str(tmp_path / "new/ours_box-test")
    metric = BOPMetric(str(bop_root), outfile_prefix=prefix)
    estimates = perfect((3, -2, 1))
    run(metric, samples_of(estimates))
    found = read_estimates(f"{prefix}.csv")
    assert found.poses.translation == pytest.approx(estimates.poses.translation, rel=1e-5)
    assert found.poses.rotation == pytest.approx(estimates.poses.rotation, abs=1e-6)
    assert found.scene_id.tolist() == estimates.scene_id.tolist()
    assert set(found.time.tolist()) == {-1}


def test_without_lists_the_images_of_the_samples_count(bop_root, perfect):
    samples = [each for each in samples_of(perfect()) if each.im_id == 0]
    assert run(BOPMetric(str(bop_root)), samples)["BOP/AR_MSSD"] == 1
    listed = BOPMetric(str(bop_root), exclude_images={3: [1]})
    assert run(listed, samples)["BOP/AR_MSSD"] == 0.5


def test_what_is_no_pose_is_left_out(bop_root, perfect):
    samples = samples_of(perfect())
    samples[0].pred_pose = samples[0].pred_pose * float("nan")
    samples[1].pred_pose = torch.zeros(7)
    found = run(BOPMetric(str(bop_root)), samples)
    assert found["BOP/box/ADD_0.1d"] == 0
    assert found["BOP/cube/ADD_0.1d"] == pytest.approx(2 / 3)


def test_without_classes_objects_have_their_numbers(bop_root, perfect):
    found = run(BOPMetric(str(bop_root)), samples_of(perfect()), {})
    assert found["BOP/7/ADD_0.1d"] == 1


def test_format_only_asks_for_no_truth(tmp_path, perfect):
    metric = BOPMetric(
        str(tmp_path / "absent"), format_only=True, outfile_prefix=str(tmp_path / "x")
    )
    assert run(metric, samples_of(perfect())) == {}
    assert len(read_estimates(tmp_path / "x.csv")) == 5


def test_vsd(bop_root, perfect):
    found = run(BOPMetric(str(bop_root), vsd=True, adi=True), samples_of(perfect()))
    assert (found["BOP/AR"], found["BOP/AUC_ADI"]) == pytest.approx((1, 1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(split="val"), "val is not a folder: set data_root and split"),
        (dict(models="models_cad"), "has no folder models_cad"),
        (dict(targets="absent.json"), "absent.json is missing"),
        (dict(images={2: "absent.txt"}), "list of images .*absent.txt cannot be read"),
        (dict(format_only=True), "format_only of the evaluator writes a file: set outfile_prefix"),
        (dict(ad=(0,)), "give positive thresholds"),
        (dict(outfile_prefix="/dev/null/x"), "outfile_prefix"),
    ],
)
def test_what_is_known_before_the_first_image(bop_root, options, said):
    with pytest.raises(UserError, match=said):
        BOPMetric(str(bop_root), **options)


def test_models_are_read_with_the_loop(own_root):
    metric = BOPMetric(str(own_root))
    (own_root / "models/obj_000007.ply").unlink()
    with pytest.raises(UserError, match="obj_000007.ply cannot be read"):
        metric.dataset_meta = META
    metric.dataset_meta = dict(classes=("box",), obj_ids=(1,))
    with pytest.raises(UserError, match="has no object 3"):
        BOPMetric(str(own_root), symmetric=[3]).dataset_meta = META


def test_depth_is_looked_for(own_root):
    shutil.rmtree(own_root / "test/000002/depth")
    with pytest.raises(UserError, match="has no folder depth, which VSD needs"):
        BOPMetric(str(own_root), vsd=True)
