import dataclasses
import math

import pytest
import torch

from epropnp_det.models.batch import UNKNOWN_ATTRIBUTE, Views
from epropnp_det.models.objects import ObjectQueries
from epropnp_det.models.pnp_heads import ObjectPredictions
from epropnp_det.models.pnp_heads.deform_pnp_head import score_target
from epropnp_det.pnp import LMSolver


def test_predictions_are_put_together_from_the_branches(toy):
    head = toy.head(torch.float32)
    dtype = torch.float32
    feats, views, objects = (
        toy.feats(2, dtype),
        toy.views(2, dtype),
        toy.objects([0, 0, 1, 1], dtype),
    )
    inputs = {}
    handle = head.point_transformer.register_forward_hook(
        lambda _, args, output: inputs.update(points=args[0], output=output)
    )
    with torch.no_grad():
        pred = head(feats, objects, views)
    handle.remove()
    points, (coordinates, weights) = inputs["points"], inputs["output"]
    embedding = points.embedding
    hidden = (embedding @ head.fc[0].weight.T + head.fc[0].bias).clamp(min=0)
    hidden = (hidden @ head.fc[2].weight.T + head.fc[2].bias).clamp(min=0)
    tolerance = dict(atol=1e-5, rtol=1e-5)
    for i, label in enumerate(objects.label.tolist()):
        rows = slice(3 * label, 3 * label + 3)
        code = head.dim_branch.weight[rows] @ hidden[i] + head.dim_branch.bias[rows]
        dims = [
            mean * math.exp(c * std / mean)
            for c, mean, std in zip(code.tolist(), toy.means[label], toy.stds[label], strict=True)
        ]
        dims = torch.tensor(dims)
        scale = (head.scale_branch.weight @ embedding[i] + head.scale_branch.bias).exp()
        score = head.score_branch.weight[0] @ embedding[i] + head.score_branch.bias[0]
        expected = ObjectPredictions(
            x3d=coordinates[i] * dims,
            x2d=points.x2d[i],
            w2d=weights[i] * scale,
            scale=scale,
            dim_code=code,
            dims=dims,
            score_logit=score,
            velocity=head.velocity_branch.weight @ hidden[i] + head.velocity_branch.bias,
            attr_logit=head.attr_branch.weight @ hidden[i] + head.attr_branch.bias,
        )
        for name, value in vars(expected).items():
            ours = getattr(pred, name)
            assert ours.dtype == torch.float32
            torch.testing.assert_close(ours[i], value, **tolerance)


@pytest.mark.parametrize("class_embedding", [True, False])
def test_query_knows_class_and_position(toy, class_embedding):
    head = toy.head(torch.float32, class_embedding=class_embedding)
    classes = head.class_embedding if class_embedding else torch.zeros(3, toy.channels)
    assert ("class_embedding" in head.state_dict()) == class_embedding
    views, feats = toy.views(1, torch.float32), toy.feats(1, torch.float32)
    seen = []
    handle = head.point_sampler.register_forward_hook(lambda _, args, __: seen.append(args[:2]))
    objects = toy.objects([0, 0], torch.float32)
    objects = dataclasses.replace(objects, embedding=objects.embedding[:1].expand(2, -1))
    with torch.no_grad():
        head(feats, objects, views)
    handle.remove()
    query, embedding = seen[0]
    for i, (u, v) in enumerate(objects.center.tolist()):
        position = []
        for place, size in ((v, 128.0), (u, 256.0)):
            for k in range(0, toy.channels // 2, 2):
                angle = 2 * math.pi * place / size / 10_000 ** (k / (toy.channels // 2))
                position += [math.sin(angle), math.cos(angle)]
        with_class = objects.embedding[i] + classes[objects.label[i]]
        source = 0.1 * with_class + torch.tensor(position)
        expected = head.query_proj.weight @ source + head.query_proj.bias
        torch.testing.assert_close(embedding[i], with_class)
        torch.testing.assert_close(query[i], expected, atol=1e-5, rtol=1e-5)


def test_batch_equals_its_objects_one_by_one(toy):
    head = toy.head(torch.float32).eval()
    feats, views = toy.feats(2, torch.float32), toy.views(2, torch.float32)
    objects = toy.objects([0, 1, 0, 1, 1], torch.float32)
    with torch.no_grad():
        together = head(feats, objects, views)
        for i in range(5):
            image = slice(objects.img_ind[i], objects.img_ind[i] + 1)
            single = ObjectQueries(**{name: x[i : i + 1] for name, x in vars(objects).items()})
            single = dataclasses.replace(single, img_ind=torch.tensor([0]))
            alone = head([x[image] for x in feats], single, Views(*(x[image] for x in views)))
            for name, value in vars(alone).items():
                torch.testing.assert_close(
                    value[0], getattr(together, name)[i], atol=1e-4, rtol=1e-4
                )


def test_no_objects(toy):
    dtype = torch.float32
    head = toy.head(dtype)
    feats, views, objects = toy.feats(1, dtype), toy.views(1, dtype), toy.objects([], dtype)
    losses = head.loss(feats, objects, toy.samples(0, dtype), toy.truth(0, dtype), views)
    assert all(loss.item() == 0 for loss in losses.values())
    sum(losses.values()).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() == 0, name


def test_prediction_recovers_the_poses(toy, monkeypatch):
    head = toy.head(torch.float32).eval()
    pnp = head.pose_predictor.pnp
    pnp.solver = dataclasses.replace(pnp.solver, refine=LMSolver(num_iter=20))
    views, truth = toy.views(2, torch.float32), toy.truth(4, torch.float32)
    img_ind = [0, 0, 1, 1]
    objects = toy.objects(img_ind, torch.float32)
    pred = toy.predictions(truth, views.cam_mats[img_ind], noise=0.0)
    monkeypatch.setattr(head, "forward", lambda *_: pred)
    with torch.no_grad():
        results = head.predict([], objects, views)
    score = objects.score * pred.score_logit.sigmoid()
    for image, result in enumerate(results):
        own = (objects.img_ind == image).nonzero().flatten()
        own = own[score[own].argsort(descending=True)]
        torch.testing.assert_close(result.scores_3d, score[own])
        torch.testing.assert_close(result.labels_3d, objects.label[own])
        boxes = result.bboxes_3d
        torch.testing.assert_close(boxes.gravity_center, truth.pose[own, :3], atol=1e-2, rtol=1e-3)
        assert (1 - (boxes.yaw - truth.pose[own, 3]).cos()).max() < 1e-4
        torch.testing.assert_close(boxes.dims, pred.dims[own])
        torch.testing.assert_close(boxes.tensor[:, 7:], pred.velocity[own])
        torch.testing.assert_close(result.attr_scores, pred.attr_logit[own].softmax(-1))


def test_unsolvable_objects_are_left_out(toy, monkeypatch):
    head, views, truth = (
        toy.head(torch.float32),
        toy.views(1, torch.float32),
        toy.truth(3, torch.float32),
    )
    pred = toy.predictions(truth, views.cam_mats.expand(3, 3, 3))
    pred = dataclasses.replace(
        pred,
        w2d=pred.w2d * torch.tensor([1.0, 0.0, 1.0])[:, None, None],
        dims=pred.dims * torch.tensor([1.0, 1.0, float("inf")])[:, None],
    )
    monkeypatch.setattr(head, "forward", lambda *_: pred)
    with torch.no_grad():
        (result,) = head.predict([], toy.objects([0, 0, 0], torch.float32), views)
    assert len(result) == 1
    assert result.bboxes_3d.tensor.isfinite().all()


def test_nothing_to_predict(toy):
    head = toy.head(torch.float32)
    with torch.no_grad():
        results = head.predict(
            toy.feats(2, torch.float32),
            toy.objects([], torch.float32),
            toy.views(2, torch.float32),
        )
    assert [tuple(r.bboxes_3d.tensor.shape) for r in results] == [(0, 9)] * 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_score_target(dtype):
    error = torch.tensor([0.0, 0.3, 0.4, 1.0, 2.0, 5.0, 6.0, 1e9], dtype=dtype)
    expected = [1, 1, (2.5 - math.log2(0.4)) / 4, 0.625, 0.375, (2.5 - math.log2(5)) / 4, 0, 0]
    target = score_target(error)
    assert target.dtype == dtype
    assert target.tolist() == pytest.approx(expected, abs=1e-6)
    assert score_target(error[:0]).shape == (0,)


def test_score_target_gradient():
    error = torch.tensor([0.1, 0.5, 2.0, 9.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(score_target, error)


def test_sizes_start_at_the_class_means_and_scales_at_one(toy):
    head = toy.head(torch.float32).eval()
    head.init_weights()
    with torch.no_grad():
        pred = head(
            toy.feats(1, torch.float32),
            toy.objects([0] * 3, torch.float32),
            toy.views(1, torch.float32),
        )
    torch.testing.assert_close(pred.dims, torch.tensor(toy.means), atol=0, rtol=0.15)
    torch.testing.assert_close(pred.scale, torch.ones(3, 2), atol=0, rtol=0.5)


def test_unknown_setting_is_named(toy):
    with pytest.raises(TypeError, match="mc_sample_count"):
        toy.head(test_cfg=dict(mc_sample_count=3))


def test_neither_velocities_nor_attributes(toy):
    """For data such as KITTI: no columns, no loss terms, boxes of seven numbers."""
    single = torch.float32
    whole, head = toy.head(single), toy.head(single, num_attrs=0, pred_velocity=False)
    names = {name.split(".")[0] for name in whole.state_dict().keys() - head.state_dict().keys()}
    assert names == {"velocity_branch", "attr_branch"}
    feats, views, objects = toy.feats(1, single), toy.views(1, single), toy.objects([0] * 3, single)
    pred = head(feats, objects, views)
    assert pred.velocity.shape == pred.attr_logit.shape == (3, 0)
    given = feats, objects, toy.samples(3, single), toy.truth(3, single), views
    expected = whole.loss(*given).keys() - {"loss_velocity", "loss_attr"}
    assert head.loss(*given).keys() == expected
    with torch.no_grad():
        (boxes,) = head.predict(feats, objects, views)
    assert boxes.bboxes_3d.tensor.shape[1] == 7
    assert not {"attr_labels", "attr_scores"} & set(boxes.keys())


def test_unknown_attributes_and_velocities_teach_nothing(toy):
    """A head that has the branches, on data that does not tell."""
    single = torch.float32
    head, objects = toy.head(single), toy.objects([0, 0], single)
    truth = toy.truth(2, single)._replace(
        velocity=torch.full((2, 2), torch.nan), attribute=torch.full((2,), UNKNOWN_ATTRIBUTE)
    )
    losses = head.loss(
        toy.feats(1, single), objects, toy.samples(2, single), truth, toy.views(1, single)
    )
    assert losses["loss_velocity"] == 0 and losses["loss_attr"] == 0
    (losses["loss_velocity"] + losses["loss_attr"]).backward()
    for branch in (head.velocity_branch, head.attr_branch):
        assert (branch.weight.grad == 0).all()
