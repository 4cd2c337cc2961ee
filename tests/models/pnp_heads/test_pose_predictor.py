import pytest
import torch

from epropnp_det.errors import UserError
from epropnp_det.evaluation import NuScenesMonoMetric
from epropnp_det.models.pnp_heads.pose_score import monte_carlo_score
from epropnp_det.models.settings import TestSettings

NUM = 6
IMG_IND = [0, 0, 0, 1, 1, 1]


@pytest.fixture
def case(toy, monkeypatch):
    """Predicts near the truth; two objects of the first image are one and the same."""
    truth = toy.truth(NUM, torch.float32)
    views = toy.views(2, torch.float32)
    objects = toy.objects(IMG_IND, torch.float32)
    pred = toy.predictions(truth, views.cam_mats[IMG_IND])
    for name, value in vars(pred).items():
        value.requires_grad_(False)
        if name != "score_logit":
            value[1] = value[0]
    objects.label[1] = objects.label[0]

    def boxes(**settings):
        head = toy.head(torch.float32, test_cfg=dict(mc_samples=64, **settings)).eval()
        return head.boxes(pred, objects, views)

    boxes.pred, boxes.objects, boxes.views, boxes.toy = pred, objects, views, toy
    return boxes


def order(case, result, image: int) -> list[int]:
    """Which objects the boxes of an image are, by their sizes and velocities."""
    rows = torch.cat([case.pred.dims, case.pred.velocity], dim=1)
    found = torch.cat([result.bboxes_3d.dims, result.bboxes_3d.tensor[:, 7:]], dim=1)
    return [
        next(i for i in range(NUM) if torch.allclose(rows[i], row) and IMG_IND[i] == image)
        for row in found
    ]


def test_correspondences_index_like_the_boxes(case):
    results = case(return_correspondences=True)
    assert [len(result) for result in results] == [2, 3]
    for image, result in enumerate(results):
        own = order(case, result, image)
        for name in ("x3d", "x2d", "w2d"):
            assert torch.equal(result[name], getattr(case.pred, name)[own]), name


def test_posterior_indexes_like_the_boxes(case):
    case.pred.w2d.mul_(20)  # narrow posteriors, much nearer to their mode than to each other
    for result in case(return_posterior=True):
        num = len(result)
        assert result.pose_samples.shape == (num, 64, 4)
        assert result.pose_log_weights.shape == (num, 64)
        assert result.pose_covariance.shape == (num, 4, 4)
        assert result.yaw_density.shape == (num, 72)
        weights = result.pose_log_weights.exp()[..., None]
        mean = (weights * result.pose_samples[..., :3]).sum(1)
        spread = result.pose_covariance.diagonal(dim1=1, dim2=2)[:, :3].sqrt()
        assert spread.max() < 0.5
        assert ((mean - result.bboxes_3d.gravity_center).abs() < 2 * spread).all()


def test_nothing_is_attached_unasked(case):
    plain, asked = case(), case(return_posterior=True, return_correspondences=True)
    assert set(plain[0].keys()) == {
        "bboxes_3d",
        "scores_3d",
        "labels_3d",
        "attr_labels",
        "attr_scores",
    }
    for one, other in zip(plain, asked, strict=True):
        torch.testing.assert_close(
            one.bboxes_3d.tensor, other.bboxes_3d.tensor, atol=1e-3, rtol=1e-3
        )
        torch.testing.assert_close(one.scores_3d, other.scores_3d)


@pytest.mark.parametrize("ratio", [0.25, 1.0])
def test_share_of_the_monte_carlo_score(case, ratio, monkeypatch):
    posteriors = []

    def spy(posterior):
        posteriors.append(posterior)
        return monte_carlo_score(posterior)

    path = "epropnp_det.models.pnp_heads.pose_predictor.monte_carlo_score"
    monkeypatch.setattr(path, spy)
    results = case(mc_scoring_ratio=ratio)
    share = (1 - ratio) * case.pred.score_logit.sigmoid() + ratio * monte_carlo_score(*posteriors)
    score = case.objects.score * share
    for image, result in enumerate(results):
        own = order(case, result, image)
        if image == 0:  # of the twins the better one stays
            own = [max((0, 1), key=lambda i: score[i]) if i in (0, 1) else i for i in own]
        torch.testing.assert_close(result.scores_3d, score[own])


def test_no_objects(case):
    none = {name: x[:0] for name, x in vars(case.pred).items()}
    objects = {name: x[:0] for name, x in vars(case.objects).items()}
    settings = dict(return_posterior=True, return_correspondences=True, mc_scoring_ratio=0.5)
    head = case.toy.head(torch.float32, test_cfg=settings).eval()
    pred, objects = type(case.pred)(**none), type(case.objects)(**objects)
    results = head.boxes(pred, objects, case.views)
    assert [len(result.pose_samples) for result in results] == [0, 0]
    assert results[0].x2d.shape == (0, *case.pred.x2d.shape[1:])


def test_ratio_out_of_range_is_named():
    with pytest.raises(UserError, match=r"mc_scoring_ratio is 1\.5"):
        TestSettings(mc_scoring_ratio=1.5)


def test_metric_takes_boxes_with_attachments(case, tmp_path):
    """Slices, a dictionary and the metric's columns: what lies between a model and a score."""
    (result, _) = case(return_posterior=True, return_correspondences=True)
    best = result[result.scores_3d >= result.scores_3d.max()]
    assert len(best.x3d) == len(best.yaw_density) == len(best) == 1
    metric = NuScenesMonoMetric(
        data_root=str(tmp_path), ann_file="a.pkl", format_only=True, jsonfile_prefix=str(tmp_path)
    )
    metric._dataset_meta = dict(classes=["car", "truck", "bus"])
    sample = dict(sample_idx=0, pred_instances_3d=result.to_dict())
    metric.process({}, [sample])
    (kept,) = metric.results
    assert len(kept["pred_instances_3d"]["scores"]) == len(result)
