"""The five detectors of the learning benchmark: one recipe, five models, one evaluation."""

import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmdet3d.models.dense_heads import FCOSMono3DHead, PGDHead
from mmdet3d.registry import DATASETS, METRICS, MODELS, TRANSFORMS
from mmdet3d.structures import Det3DDataSample
from mmengine import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from torch.nn.functional import one_hot

from epropnp_det.datasets import NuScenesMonoDataset
from epropnp_det.engine.config import load_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
OURS = ("v2", "v1b", "reprojection")
STOCK = ("fcos3d", "pgd")
SHARED = ("optim_wrapper", "param_scheduler", "train_cfg", "data_preprocessor", "backbone", "neck")
DEMO = "epropnp_det/epropnp-det_tiny_demo.py"
ERRORS = ("_trans_err", "_scale_err", "_orient_err", "_attr_err")
VELOCITY = "_vel_err"  # the devkit's is 1 for a class whose velocities are all unknown
POSE_TERMS = {"loss_pose", "loss_reg_pos", "loss_reg_orient"}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope("mmdet3d")


@pytest.fixture
def learning(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Config]:
    """Function that reads a config of the benchmark for the smallest dataset."""
    monkeypatch.setenv("NUSCENES_ROOT", str(demo_root))
    monkeypatch.setenv("NUSCENES_INFOS", ".")

    def load(model: str) -> Config:
        cfg = Config.fromfile(CONFIGS / "learning" / f"{model}.py")
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            loader.update(num_workers=0, persistent_workers=False)
            (crop,) = (step for step in loader.dataset.pipeline if step.type == "CropTopRows")
            crop.rows = 28
        return cfg

    return load


@pytest.mark.parametrize("size", ["small", "full"])
@pytest.mark.parametrize("model", OURS + STOCK)
def test_one_recipe(model, size, monkeypatch):
    monkeypatch.setenv("LEARNING_SIZE", size)
    cfg, reference = (load_config(str(CONFIGS / "learning" / f"{n}.py")) for n in (model, "v2"))
    for key in SHARED:
        assert cfg[key] == reference[key]
    for key in ("data_preprocessor", "backbone", "neck"):
        assert cfg.model[key] == reference.model[key]
    assert cfg.train_dataloader.batch_size == {"small": 4, "full": 16}[size]
    head = cfg.model.get("dense_head", cfg.model.bbox_head)
    ranges = head.assigner.regress_ranges if model in OURS else head.regress_ranges
    assert ranges == reference.model.dense_head.assigner.regress_ranges
    detector = MODELS.build(cfg.model)
    assert detector.backbone.base_channels == {"small": 32, "full": 64}[size]
    for dataset in (cfg.train_dataloader.dataset, cfg.test_dataloader.dataset):
        for step in dataset.pipeline:
            TRANSFORMS.build(step)


def test_another_length_moves_the_schedule(monkeypatch):
    monkeypatch.setenv("LEARNING_EPOCHS", "3")
    cfg = load_config(str(CONFIGS / "learning/fcos3d.py"))
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[1].end == 3


def test_ours_is_the_network_of_the_demo():
    demo = load_config(str(CONFIGS / DEMO))
    assert load_config(str(CONFIGS / "learning/v2.py")).model == demo.model


@pytest.mark.parametrize("model", OURS + STOCK)
def test_training(learning, model):
    cfg = learning(model)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    detector = MODELS.build(cfg.model).train()
    detector.init_weights()
    optimizer = build_optim_wrapper(detector, cfg.optim_wrapper)
    before = [parameter.clone() for parameter in detector.parameters()]
    logged = detector.train_step(next(iter(loader)), optimizer)
    assert all(math.isfinite(value) for value in logged.values())
    after = list(detector.parameters())
    assert all(parameter.isfinite().all() for parameter in after)
    assert any((a != b).any() for a, b in zip(after, before, strict=True))
    if model in OURS:
        silent = {key for key in POSE_TERMS if logged[key] == 0}
        assert silent == (POSE_TERMS if model == "reprojection" else set())
        assert logged["loss_proj"] != 0


def validation_items(cfg: Config) -> list[tuple[dict, dict]]:
    """Each validation image as a training sees it, with its truth, and as a test does."""
    dataset = cfg.train_dataloader.dataset
    dataset.ann_file = cfg.val_dataloader.dataset.ann_file
    (flip,) = (step for step in dataset.pipeline if step.type == "RandomFlipMono3D")
    flip.prob = 0.0
    pair = [DATASETS.build(d) for d in (dataset, cfg.val_dataloader.dataset)]
    return list(zip(*pair, strict=True))


def evaluate(cfg: Config, samples: list[Det3DDataSample]) -> dict[str, dict[str, float]]:
    """AP at 0.5 m and the errors of each class of which anything was found."""
    metric = METRICS.build(cfg.val_evaluator)
    metric.dataset_meta = NuScenesMonoDataset.METAINFO
    metric.process({}, [sample.to_dict() for sample in samples])
    scores = metric.evaluate(len(samples))
    classes = {}
    for key, value in scores.items():
        name = key.rsplit("/")[-1]
        for end in ("_AP_dist_0.5", "_AP_dist_4.0", *ERRORS, VELOCITY):
            if name.endswith(end):
                classes.setdefault(name.removesuffix(end), {})[end] = value
    return {name: values for name, values in classes.items() if values["_AP_dist_4.0"] > 0}


def maps(values: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """(1, C, H, W) of (H * W, C)."""
    return values.reshape(*size, -1).permute(2, 0, 1)[None]


def ideal_prediction(head: FCOSMono3DHead, truth: Det3DDataSample, meta: dict) -> InstanceData:
    """What a stock head makes of an output that is its own training target."""
    sizes = [torch.Size((math.ceil(96 / s), math.ceil(192 / s))) for s in head.strides]
    points = head.get_points(sizes, torch.float32, "cpu")
    targets = head.get_targets(points, [truth.gt_instances_3d], [truth.gt_instances])
    levels = defaultdict(list)
    for size, stride, labels, boxes, centerness, attributes in zip(
        sizes, head.strides, *targets, strict=True
    ):
        direction = head.get_direction_target(
            boxes, head.dir_offset, head.dir_limit_offset, one_hot=False
        )
        boxes[:, :2] *= stride
        classes = one_hot(labels, head.num_classes + 1)[:, :-1]
        levels["cls_scores"].append(maps(20.0 * classes - 10.0, size))
        levels["bbox_preds"].append(maps(boxes, size))
        levels["dir_cls_preds"].append(maps(1.0 * one_hot(direction, 2), size))
        levels["attr_preds"].append(maps(1.0 * one_hot(attributes, 10)[:, :-1], size))
        levels["centernesses"].append(maps(centerness.logit(1e-4), size))
        if isinstance(head, PGDHead):
            levels["depth_cls_preds"].append(torch.zeros(1, head.num_depth_cls, *size))
            levels["weights"].append(torch.zeros(1, 1, *size))
    if isinstance(head, PGDHead):
        head.fuse_lambda.data.fill_(100.0)  # no say for the depth classes
    predictions = head.predict_by_feat(**levels, batch_img_metas=[meta], rescale=True)
    return predictions[0][0]


@pytest.mark.parametrize("model", STOCK)
def test_stock_heads_that_hit_their_targets_have_no_error(learning, model):
    """Centre, frames and angles of their boxes mean the same to our camera and to our metric."""
    cfg = learning(model)
    head = MODELS.build(cfg.model).eval().bbox_head
    samples = []
    for trained, tested in validation_items(cfg):
        sample = tested["data_samples"]
        sample.pred_instances_3d = ideal_prediction(head, trained["data_samples"], sample.metainfo)
        samples.append(sample)
    found = evaluate(cfg, samples)
    assert len(found) >= 4
    for name, scores in found.items():
        assert scores["_AP_dist_0.5"] == scores["_AP_dist_4.0"], name
        assert all(not scores[error] > 0.01 for error in ERRORS), (name, scores)
    assert found["car"][VELOCITY] < 0.01


@pytest.mark.parametrize("model", STOCK)
def test_ground_truth_is_perfect(learning, model):
    """In the form in which a stock detector gives its boxes."""
    cfg = learning(model)
    samples = []
    for trained, tested in validation_items(cfg):
        sample, truth = tested["data_samples"], trained["data_samples"].gt_instances_3d
        sample.pred_instances_3d = InstanceData(
            bboxes_3d=truth.bboxes_3d,
            labels_3d=truth.labels_3d,
            attr_labels=truth.attr_labels,
            scores_3d=torch.ones(len(truth)),
        )
        samples.append(sample)
    found = evaluate(cfg, samples)
    assert len(found) >= 4
    for name, scores in found.items():
        assert scores["_AP_dist_0.5"] == pytest.approx(1, abs=1e-3), name
        assert all(not scores[error] > 1e-3 for error in ERRORS), (name, scores)
    assert found["car"][VELOCITY] < 0.01


def test_unknown_velocities_are_zero_for_the_stock_heads(learning):
    """And only they differ from what our detectors see of the same image."""
    steps = {}
    for model in ("v2", "fcos3d"):
        cfg = learning(model)
        (flip,) = (s for s in cfg.train_dataloader.dataset.pipeline if s.type == "RandomFlipMono3D")
        flip.prob = 0.0
        cfg.train_dataloader.sampler.shuffle = False
        steps[model] = Runner.build_dataloader(cfg.train_dataloader, seed=0).dataset
    unknown = 0
    for ours, stock in zip(steps["v2"], steps["fcos3d"], strict=True):
        assert torch.equal(ours["inputs"]["img"], stock["inputs"]["img"])
        a, b = (item["data_samples"].gt_instances_3d for item in (ours, stock))
        boxes = a.bboxes_3d.tensor
        unknown += boxes.isnan().any(-1).sum()
        assert torch.equal(boxes.nan_to_num(0.0), b.bboxes_3d.tensor)
        assert torch.equal(a.labels_3d, b.labels_3d)
    assert unknown > 0
