"""Identity with the published implementation: its weights, its outputs, its training losses.

The reference is a small network of the published v2 design on two real images.
"""

import json

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.structures import InstanceData

from epropnp_det.models.batch import ObjectTruth, Views
from epropnp_det.models.objects import ObjectQueries
from epropnp_det.models.settings import TestSettings
from epropnp_det.pnp import HuberCost, PerspectiveCamera, PnPProblem, Posterior

# Published prefix of a parameter's name -> ours; the first that fits.
NAMES = (
    ("bbox_head.detector.cls_convs.", "dense_head.cls_tower."),
    ("bbox_head.detector.reg_convs.", "dense_head.reg_tower."),
    ("bbox_head.detector.conv_cls_prev.0.", "dense_head.cls_branch."),
    ("bbox_head.detector.conv_centerness_prev.0.", "dense_head.centerness_branch."),
    ("bbox_head.detector.conv_emb_prev.0.", "dense_head.emb_branch."),
    ("bbox_head.detector.conv_offset_prev.0.", "dense_head.center_branch."),
    ("bbox_head.detector.conv_offset.", "dense_head.conv_center."),
    ("bbox_head.detector.", "dense_head."),
    ("bbox_head.cls_emb", "bbox_head.class_embedding"),
    ("bbox_head.attention_sampler.layer_norms.0.", "bbox_head.point_sampler.attn_norm."),
    ("bbox_head.attention_sampler.layer_norms.1.", "bbox_head.point_sampler.ffn_norm."),
    ("bbox_head.attention_sampler.", "bbox_head.point_sampler."),
    ("bbox_head.obj_query_scale.", "bbox_head.point_transformer.query_scale."),
    ("bbox_head.pts_trans.", "bbox_head.point_transformer.layer."),
    ("bbox_head.x2d_pos_enc.", "bbox_head.point_transformer.position."),
    ("bbox_head.corr_reg.", "bbox_head.point_transformer."),
    ("bbox_head.convs.", "bbox_head.features.level_convs."),
    ("bbox_head.conv_upsampled.", "bbox_head.features.fuse."),
    ("bbox_head.k_proj.", "bbox_head.features.key_proj."),
    ("bbox_head.v_proj.", "bbox_head.features.value_proj."),
    ("bbox_head.pred_fc.", "bbox_head.fc."),
    ("bbox_head.w2d_scale_branch.", "bbox_head.scale_branch."),
    ("bbox_head.velo_branch.", "bbox_head.velocity_branch."),
)
# What only the auxiliary losses use.
AUXILIARY = (
    "bbox_head.corr_reg_aux.",
    "bbox_head.loss_proj.",
    "bbox_head.loss_regr.",
    "bbox_head.loss_depth.",
    "bbox_head.depth_branch.",
    "dense_head.conv_bbox",
)
IMAGES, SAMPLES = 2, 48


def load(path) -> dict[str, torch.Tensor]:
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


def our_name(name: str) -> str:
    return next((ours + name[len(old) :] for old, ours in NAMES if name.startswith(old)), name)


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.fixture(scope="module")
def reference(golden_dir):
    return load(golden_dir / "public_det_v2_outputs.npz")


@pytest.fixture(scope="module")
def training(golden_dir):
    return load(golden_dir / "public_det_v2_losses.npz")


@pytest.fixture
def weights(golden_dir):
    state = torch.load(golden_dir / "public_det_v2_weights.pth", weights_only=True)["state_dict"]
    return {our_name(name): value for name, value in state.items()}


@pytest.fixture
def network(golden_dir, weights):
    config = json.loads((golden_dir / "public_det_v2_config.json").read_text())
    dims = config["bbox_head"]["dim_coder"]
    model = MODELS.build(
        dict(
            type="EProPnPDet",
            backbone=dict(config["backbone"], type="mmdet.ResNet"),
            neck=dict(config["neck"], type="mmdet.FPN"),
            dense_head=dict(
                type="FCOSEmbHead",
                num_classes=10,
                in_channels=64,
                feat_channels=64,
                emb_channels=64,
                centerness_channels=32,
            ),
            bbox_head=dict(
                type="DeformPnPHead",
                num_classes=10,
                in_channels=64,
                channels=64,
                num_heads=4,
                num_points=8,
                features=dict(level_channels=(64, 32, 32)),
                point_sampler=dict(feedforward_channels=128, dropout=0.0),
                point_transformer=dict(feedforward_channels=64, dropout=0.0),
                dim_coder=dict(
                    type="MultiClassLogDimCoder",
                    means=dims["target_means"],
                    stds=dims["target_stds"],
                ),
            ),
        )
    )
    model.load_state_dict(weights, strict=False)
    return model.eval()


@pytest.fixture
def feats(network, reference):
    with torch.no_grad():
        return network.extract_feat(dict(imgs=reference["img"]))


@pytest.fixture
def views(reference):
    cam_mats = reference["img_transform"].double() @ reference["cam2img_original"].double()
    return Views(cam_mats.float(), reference["img_shape"].flip(-1).float())


@pytest.fixture
def selected(network, feats, reference):
    """Our selection in the reference's order: it took the best 48 of both images together."""
    head = network.dense_head
    with torch.no_grad():
        outputs = head(feats)
        scores = outputs.cls_logit.sigmoid() * outputs.centerness_logit.sigmoid()[..., None]
        threshold = scores.flatten().topk(SAMPLES).values[-1].item()
        head.test_settings = TestSettings(score_thr=threshold, max_per_img=SAMPLES)
        objects = head.select(outputs)
    rank = reference["obj_img_ind"].argsort(stable=True).argsort()
    return ObjectQueries(**{name: field[rank] for name, field in vars(objects).items()})


def test_every_weight_has_a_place(network, weights):
    result = network.load_state_dict(weights, strict=False)
    assert result.missing_keys == []
    assert [name for name in result.unexpected_keys if not name.startswith(AUXILIARY)] == []


def test_feature_pyramid(feats, reference):
    for level, feat in enumerate(feats):
        expected = reference[f"feat{level}_mean_abs"].item()
        assert feat.abs().mean().item() == pytest.approx(expected, rel=1e-5)


def test_dense_head_maps(network, feats, reference):
    with torch.no_grad():
        outputs = network.dense_head(feats)

    def cells(name: str) -> torch.Tensor:
        maps = [reference[f"{name}{level}"] for level in range(len(feats))]
        return torch.cat([x.flatten(2).transpose(1, 2) for x in maps], dim=1)

    assert relative_error(outputs.cls_logit, cells("cls_score")) < 1e-5
    assert relative_error(outputs.centerness_logit, cells("centerness")[..., 0]) < 1e-5
    assert relative_error(outputs.center.flatten(2), cells("center")) < 1e-5


def test_key_and_value(network, feats, views, reference):
    with torch.no_grad():
        key, value = network.bbox_head.features(feats, views.img_size)
    assert relative_error(key, reference["key"]) < 1e-5
    assert relative_error(value, reference["value"]) < 1e-5


def test_selected_objects(selected, reference):
    assert torch.equal(selected.img_ind, reference["obj_img_ind"])
    assert torch.equal(selected.label, reference["obj_label"])
    assert torch.equal(selected.stride, reference["obj_stride"])
    centers = reference["obj_center"].unflatten(1, (10, 2))
    centers = centers[torch.arange(SAMPLES), selected.label]
    assert relative_error(selected.center, centers) < 1e-5
    assert relative_error(selected.score, reference["obj_score"]) < 1e-5
    assert relative_error(selected.embedding, reference["obj_embedding"]) < 1e-5


def reference_pixels(reference) -> torch.Tensor:
    """x2d of the reference, in network pixels."""
    ones = torch.ones_like(reference["x2d"][..., :1])
    transform = reference["img_transform"][reference["obj_img_ind"]]
    pixels = torch.cat([reference["x2d"], ones], -1) @ transform.transpose(1, 2)
    return pixels[..., :2]


def errors(pred, reference) -> dict[str, float]:
    """Relative error of all that the correspondence head predicts."""
    ours = dict(
        x2d=pred.x2d,
        noc=pred.x3d / pred.dims[:, None],
        x3d=pred.x3d,
        w2d=pred.w2d,
        dimensions=pred.dims,
        score_3d=pred.score_logit.sigmoid(),
        velocity=pred.velocity,
        attribute_logits=pred.attr_logit,
    )
    theirs = dict(reference, x2d=reference_pixels(reference))
    return {name: relative_error(x, theirs[name]) for name, x in ours.items()}


def test_predictions(network, feats, selected, views, reference):
    with torch.no_grad():
        found = errors(network.bbox_head(feats, selected, views), reference)
    assert max(found.values()) < 1e-4, found


def problem_in_original_pixels(x3d, x2d, w2d, img_ind, reference) -> PnPProblem:
    """As the reference poses it: its border is that of the image before the crop."""
    camera = PerspectiveCamera(
        reference["cam2img_original"][img_ind], reference["ori_shape"][img_ind].float()
    )
    return PnPProblem(x3d, x2d, w2d, camera, HuberCost.adaptive(x2d, w2d))


def test_cost_at_the_best_poses(reference):
    fields = (reference[name] for name in ("x3d", "x2d", "w2d", "obj_img_ind"))
    problem = problem_in_original_pixels(*fields, reference)
    torch.testing.assert_close(problem.robust_cost.delta, reference["huber_delta"])
    cost = problem.cost(reference["best_pose"])
    torch.testing.assert_close(cost, reference["best_cost"], rtol=1e-4, atol=1e-4)


# Training


@pytest.fixture
def truth(training):
    boxes = training["gt_boxes_3d"]
    return ObjectTruth(
        pose=boxes[:, 3:],
        dims=boxes[:, :3],
        label=training["gt_labels"],
        velocity=training["gt_velocity"],
        attribute=training["gt_attributes"],
    )


@pytest.fixture
def step(network, reference, training, truth, views, monkeypatch):
    """Outputs and targets of a training step, at the reference's target centres."""
    network.train()
    head = network.dense_head
    own = [training["gt_img_ind"] == image for image in range(IMAGES)]
    centers = iter([training["gt_centers_2d"][mask] for mask in own])
    monkeypatch.setattr(head, "center_target", lambda *_: next(centers))
    feats = network.extract_feat(dict(imgs=reference["img"]))
    outputs = head(feats)
    targets = head.get_targets(
        [feat.shape[-2:] for feat in feats],
        [
            InstanceData(bboxes=training["gt_boxes_2d"][mask], labels=training["gt_labels"][mask])
            for mask in own
        ],
        [truth.boxes[mask] for mask in own],
        views.cam_mats,
    )
    return feats, outputs, targets


def sampled_cells(feats, training) -> tuple[list[int], list[int]]:
    """Image and cell of the reference's samples: it numbers levels first, then images."""
    numbered = []
    first = 0
    for feat in feats:
        num = feat.shape[-2] * feat.shape[-1]
        numbered += [(image, first + i) for image in range(IMAGES) for i in range(num)]
        first += num
    return tuple(zip(*(numbered[i] for i in training["sample_point_ind"]), strict=True))


@pytest.fixture
def samples(network, step, training, monkeypatch):
    """Objects, boxes and weights of :meth:`FCOSEmbHead.sample`, the draw itself replaced."""
    feats, outputs, targets = step
    positives = [tuple(x) for x in (targets.gt_ind >= 0).nonzero().tolist()]
    drawn = torch.tensor(
        [positives.index(cell) for cell in zip(*sampled_cells(feats, training), strict=True)]
    )
    half = SAMPLES // 2
    network.dense_head.sampler.num_per_img = SAMPLES // IMAGES
    with monkeypatch.context() as draw:
        draw.setattr(torch, "randperm", lambda *_, **__: drawn[:half])
        draw.setattr(torch, "multinomial", lambda *_, **__: drawn[half:])
        return network.dense_head.sample(outputs, targets)


def test_target_centres(network, training, truth, views):
    # The reference draws the volume on a raster of 4 pixels, so it cannot agree better.
    for image in range(IMAGES):
        own = training["gt_img_ind"] == image
        centers = network.dense_head.center_target(
            truth.boxes[own], training["gt_boxes_2d"][own], views.cam_mats[image]
        )
        assert (centers - training["gt_centers_2d"][own]).norm(dim=-1).max() < 0.5


def test_dense_losses(network, step, training):
    _, outputs, targets = step
    losses = network.dense_head.loss(outputs, targets)
    for ours, theirs in dict(
        loss_cls="loss_cls", loss_centerness="loss_centerness", loss_center="loss_rp"
    ).items():
        expected = training[f"out_{theirs}"].item()
        assert losses[ours].item() == pytest.approx(expected, rel=1e-5), ours


def test_boxes_and_weights_of_the_samples(samples, training):
    _, gt_ind, drawn = samples
    assert torch.equal(gt_ind, training["sample_gt_ind"])
    torch.testing.assert_close(drawn.weight, training["sample_weight"])
    torch.testing.assert_close(drawn.uniform_weight, training["sample_uniform_weight"])


def test_losses_of_the_objects(network, step, samples, training, truth, views):
    feats, (objects, gt_ind, drawn) = step[0], samples
    losses = network.bbox_head.loss(feats, objects, drawn, truth.take(gt_ind), views)
    for ours, theirs in dict(
        loss_dim="loss_dim", loss_velocity="loss_velo", loss_attr="loss_attr"
    ).items():
        expected = training[f"out_{theirs}"].item()
        assert losses[ours].item() == pytest.approx(expected, rel=1e-4), ours
    norm = network.bbox_head.loss_pose.norm_factor.item()
    assert norm == pytest.approx(training["norm_factor"].item(), rel=1e-5)


def test_costs_at_the_true_poses(network, step, samples, training, truth, views, reference):
    objects, gt_ind, _ = samples
    with torch.no_grad():
        pred = network.bbox_head(step[0], objects, views)
    crop = reference["img_transform"][objects.img_ind, None, :2, 2]
    problem = problem_in_original_pixels(
        pred.x3d, pred.x2d - crop, pred.w2d, objects.img_ind, reference
    )
    cost = problem.cost(truth.pose[gt_ind])
    torch.testing.assert_close(cost, training["cost_gt"], rtol=1e-4, atol=1e-4)


def test_pose_loss_of_the_reference_posterior(network, training):
    """The reference's cost and log-evidence, given to our loss as a posterior of one sample."""
    loss = network.bbox_head.loss_pose.eval()
    loss.norm_factor.fill_(training["norm_factor"].item())
    posterior = Posterior(
        mode=torch.zeros(SAMPLES, 4),
        covariance=torch.eye(4).repeat(SAMPLES, 1, 1),
        samples=torch.zeros(1, SAMPLES, 4),
        log_weights=training["log_evidence"][None],
        cost_gt=training["cost_gt"],
        valid=torch.ones(SAMPLES, dtype=torch.bool),
    )
    result = loss(posterior, torch.ones(SAMPLES, 2), training["sample_weight"])
    assert result.item() == pytest.approx(training["out_loss_pose"].item(), rel=1e-5)
