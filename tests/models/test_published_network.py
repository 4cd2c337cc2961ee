"""Identity with the published implementation: its training losses.

The reference is a training step of a small network of the published v2 design on two real images.
"""

import pytest
import torch
from mmengine.structures import InstanceData

from epropnp_det.models.batch import AuxiliaryTruth, ImagePoints, ObjectTruth
from epropnp_det.models.targets import points_in_boxes
from epropnp_det.pnp import EProPnP, Posterior

IMAGES, SAMPLES = 2, 48


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
def auxiliary_truth(reference, training, truth, views):
    """The LiDAR points of each image, moved from its original pixels to the camera frame."""
    points = []
    for image, uvz in enumerate(training["lidar_uvz"].split(training["lidar_count"].tolist())):
        pixel = torch.cat([uvz[:, :2], torch.ones(len(uvz), 1)], dim=1).double()
        ray = pixel @ reference["cam2img_original"][image].double().inverse().T
        points.append((ray * uvz[:, 2:]).float())
    return AuxiliaryTruth(
        objects=truth,
        bboxes=training["gt_boxes_2d"],
        img_ind=training["gt_img_ind"],
        gt_ind=training["sample_gt_ind"],
        points=ImagePoints.from_images(points, views),
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
    outputs = head(feats, for_loss=True)
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
    for image in range(IMAGES):
        own = training["gt_img_ind"] == image
        centers = network.dense_head.center_target(
            truth.boxes[own], training["gt_boxes_2d"][own], views.cam_mats[image]
        )
        assert (centers - training["gt_centers_2d"][own]).norm(dim=-1).max() < 0.01


def test_dense_losses(network, step, training):
    _, outputs, targets = step
    losses = network.dense_head.loss(outputs, targets)
    for ours, theirs in dict(
        loss_cls="loss_cls",
        loss_centerness="loss_centerness",
        loss_center="loss_rp",
        loss_bbox="loss_bbox",
    ).items():
        expected = training[f"out_{theirs}"].item()
        assert losses[ours].item() == pytest.approx(expected, rel=1e-5), ours


def test_boxes_and_weights_of_the_samples(samples, training):
    _, gt_ind, drawn = samples
    assert torch.equal(gt_ind, training["sample_gt_ind"])
    torch.testing.assert_close(drawn.weight, training["sample_weight"])
    torch.testing.assert_close(drawn.uniform_weight, training["sample_uniform_weight"])


def test_lidar_points_of_the_objects(training, auxiliary_truth):
    obj, _, local = points_in_boxes(
        auxiliary_truth.points, auxiliary_truth.objects, auxiliary_truth.img_ind
    )
    counts = torch.bincount(obj, minlength=len(training["object_points_count"]))
    assert torch.equal(counts, training["object_points_count"])
    torch.testing.assert_close(local, training["object_points_x3d"], atol=1e-4, rtol=0)


def test_losses_of_the_objects(network, step, samples, training, truth, views, auxiliary_truth):
    feats, (objects, gt_ind, drawn) = step[0], samples
    losses = network.bbox_head.loss(
        feats, objects, drawn, truth.take(gt_ind), views, auxiliary_truth
    )
    for ours, theirs in dict(
        loss_dim="loss_dim",
        loss_velocity="loss_velo",
        loss_attr="loss_attr",
        loss_proj="loss_proj",
        loss_regr="loss_regr",
        loss_depth="loss_depth",
    ).items():
        expected = training[f"out_{theirs}"].item()
        assert losses[ours].item() == pytest.approx(expected, rel=5e-6), ours
    norm = network.bbox_head.loss_pose.norm_factor.item()
    assert norm == pytest.approx(training["norm_factor"].item(), rel=1e-5)


def test_costs_at_the_true_poses(network, step, samples, training, truth, views):
    objects, gt_ind, _ = samples
    with torch.no_grad():
        pred = network.bbox_head(step[0], objects, views)
    cost = network.bbox_head.problem(pred, objects.img_ind, views).cost(truth.pose[gt_ind])
    torch.testing.assert_close(cost, training["cost_gt"], rtol=2e-5, atol=1e-5)


def test_evidence_of_the_published_sampler(
    network, step, samples, training, truth, views, reference, problem_in_original_pixels
):
    """Weighted as in the pose loss; both are random, so that several runs show how random.

    The numbers are those of the published sampler alone: with these random weights the cost grows
    by a few units at most from the optimum to infinite depth, so that the true evidence is
    infinite, and an estimate tells how far its proposals reach.
    """
    objects, gt_ind, _ = samples
    with torch.no_grad():
        pred = network.bbox_head(step[0], objects, views)
    crop = reference["img_transform"][objects.img_ind, None, :2, 2]
    problem = problem_in_original_pixels(pred.x3d, pred.x2d - crop, pred.w2d, objects.img_ind)
    layer = EProPnP(dof=4, mc_samples=8192, sampler="amis")
    runs = torch.stack(
        [
            layer(problem, truth.pose[gt_ind], torch.Generator().manual_seed(seed)).log_evidence
            for seed in range(6)
        ]
    )
    weight = training["sample_weight"]
    ours, theirs = (runs * weight).mean(-1), (training["log_evidence"] * weight).mean()
    standard_error = ours.std() * (1 + 1 / len(ours)) ** 0.5
    assert (ours.mean() - theirs).abs() < 4 * standard_error
    assert standard_error < 0.05 * theirs


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
