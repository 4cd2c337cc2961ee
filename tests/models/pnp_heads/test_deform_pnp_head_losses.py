"""Each loss term, and its gradient, against loops."""

import dataclasses
import math

import pytest
import torch

from epropnp_det.models.pnp_heads import ObjectPredictions
from epropnp_det.models.targets import SampledObjects


def project(pose, x3d, cam_mat) -> torch.Tensor:
    """Pixels (N, 2) of points (N, 3); inside the image, where nothing is clamped."""
    x, y, z, yaw = pose
    turn = torch.stack(
        [
            torch.stack([yaw.cos(), yaw * 0, yaw.sin()]),
            torch.stack([yaw * 0, yaw * 0 + 1, yaw * 0]),
            torch.stack([-yaw.sin(), yaw * 0, yaw.cos()]),
        ]
    )
    points = x3d @ turn.T + torch.stack([x, y, z])
    return (points / points[:, 2:] @ cam_mat.T)[:, :2]


def smooth_l1(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def residuals(pose, pred: ObjectPredictions, index: int, cam_mat) -> torch.Tensor:
    pixels = project(pose, pred.x3d[index], cam_mat)
    return pred.w2d[index] * (pixels - pred.x2d[index])


def huber_delta(pred: ObjectPredictions, index: int) -> torch.Tensor:
    variance = pred.x2d[index].var(0, unbiased=True).sum()
    return 0.5 * pred.w2d[index].mean() * variance.sqrt()


def slow_cost(pose, pred: ObjectPredictions, index: int, cam_mat) -> torch.Tensor:
    delta, cost = huber_delta(pred, index), 0.0
    for residual in residuals(pose, pred, index, cam_mat):
        norm = residual.square().sum().sqrt()
        cost = cost + (0.5 * norm**2 if norm <= delta else delta * norm - 0.5 * delta**2)
    return cost


def slow_plus(pose, pred: ObjectPredictions, index: int, cam_mat) -> torch.Tensor:
    """One Gauss-Newton step from a pose, by automatic differentiation."""
    residual = residuals(pose, pred, index, cam_mat)
    jacobian = torch.autograd.functional.jacobian(
        lambda y: residuals(y, pred, index, cam_mat), pose, create_graph=True
    )
    norm = residual.square().sum(-1).sqrt()
    scale = (huber_delta(pred, index) / norm).clamp(max=1).sqrt()[:, None]
    f, j = (scale * residual).flatten(), (scale[..., None] * jacobian).flatten(0, 1)
    return pose - torch.linalg.solve(j.T @ j + 1e-5 * torch.eye(4).to(j), j.T @ f)


def slow_losses(toy, pred, samples, truth, posterior, cam_mats) -> dict[str, torch.Tensor]:
    """Object by object, from design section 4; the posterior gives its samples and its mode."""
    num = len(truth.pose)
    weights, uniform = samples.weight.tolist(), samples.uniform_weight.tolist()
    norm = 0.99 + 0.01 * sum(
        weights[i] * pred.scale[i, axis].item() for i in range(num) for axis in range(2)
    ) / (2 * num)
    sums = dict.fromkeys(
        ("pose", "dim", "score", "reg_pos", "reg_orient", "velocity", "attr"), torch.zeros(())
    )
    known = 0.0
    for i, weight in enumerate(weights):

        def add(name: str, loss: torch.Tensor) -> None:
            sums[name] = sums[name] + loss

        mode, gt = posterior.mode[i], truth.pose[i]
        log_weights = []
        for sample, log_weight in zip(
            posterior.samples[:, i], posterior.log_weights[:, i], strict=True
        ):
            cost = slow_cost(sample, pred, i, cam_mats[i])
            log_proposal = -(log_weight + cost).detach()
            log_weights.append(-cost - log_proposal)
        evidence = torch.stack(log_weights).logsumexp(0) - math.log(len(log_weights))
        add("pose", weight * (slow_cost(gt, pred, i, cam_mats[i]) + evidence))

        for axis in range(3):
            mean, std = toy.means[truth.label[i]][axis], toy.stds[truth.label[i]][axis]
            code = (math.log(truth.dims[i, axis]) - math.log(mean)) / (std / mean)
            add("dim", weight * smooth_l1(pred.dim_code[i, axis] - code) / 3)

        error = math.hypot(mode[0] - gt[0], mode[2] - gt[2])
        target = min(max((2.5 - math.log2(error)) / 4, 0), 1)
        score = pred.score_logit[i].sigmoid()
        add("score", -uniform[i] * (target * score.log() + (1 - target) * (1 - score).log()))

        plus = slow_plus(mode, pred, i, cam_mats[i])
        distance = (plus[:3] - gt[:3]).square().sum().sqrt()
        add("reg_pos", weight * smooth_l1(distance))
        add("reg_orient", weight * (1 - (plus[3] - gt[3]).cos()))

        if not truth.velocity[i].isnan().any():
            known += weight
            for axis in range(2):
                error = pred.velocity[i, axis] - truth.velocity[i, axis]
                add("velocity", weight * smooth_l1(error) / 2)
        logits = pred.attr_logit[i]
        add("attr", weight * (logits.exp().sum().log() - logits[truth.attribute[i]]))
    factor = dict(
        pose=0.5 / norm, dim=1.0, score=1.0, reg_pos=0.05, reg_orient=0.05, velocity=0.05, attr=0.5
    )
    count = {name: max(known, 1.0) if name == "velocity" else num for name in sums}
    return {f"loss_{name}": factor[name] * total / count[name] for name, total in sums.items()}


def loss_on(head, monkeypatch, pred, samples, truth, objects, views):
    """Losses of given predictions, and the posterior that was computed on the way."""
    posteriors = []
    handle = head.pnp.register_forward_hook(lambda _, __, output: posteriors.append(output))
    monkeypatch.setattr(head, "attend", lambda *_: (None, None, None))
    monkeypatch.setattr(head, "read_out", lambda *_: pred)
    losses = head.loss([], objects, samples, truth, views)
    handle.remove()
    return losses, posteriors[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_their_gradients_agree_with_loops(toy, monkeypatch, dtype):
    head = toy.head(dtype).train()
    img_ind = [0, 1, 1, 0, 0]
    views, truth = toy.views(2), toy.truth(5)
    objects, samples = toy.objects(img_ind), toy.samples(5)
    cam_mats = views.cam_mats[img_ind]
    exact = toy.predictions(truth, cam_mats)

    def cast(record):
        fields = (
            dataclasses.asdict(record) if dataclasses.is_dataclass(record) else record._asdict()
        )
        moved = {
            name: x.detach().to(dtype if x.is_floating_point() else x.dtype)
            for name, x in fields.items()
        }
        return type(record)(**moved)

    pred = cast(exact)
    leaves = [x.requires_grad_() for x in vars(pred).values()]
    losses, posterior = loss_on(
        head, monkeypatch, pred, cast(samples), cast(truth), cast(objects), cast(views)
    )
    assert posterior.valid.all()
    expected = slow_losses(toy, exact, samples, truth, posterior.to(torch.float64), cam_mats)
    assert losses.keys() == expected.keys()
    tolerance = 2e-3 if dtype == torch.float32 else 1e-6
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(expected[name].item(), rel=tolerance, abs=tolerance)
        ours = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
        theirs = torch.autograd.grad(
            expected[name], list(vars(exact).values()), allow_unused=True, retain_graph=True
        )
        for field, one, other in zip(vars(pred), ours, theirs, strict=True):
            one, other = (torch.zeros(()) if x is None else x.double() for x in (one, other))
            assert (one - other).abs().max() <= tolerance * (1 + other.abs().max()), (name, field)


def test_unknown_velocities_have_no_loss(toy, monkeypatch):
    head, views, truth = toy.head(), toy.views(1), toy.truth(3)
    truth = truth._replace(velocity=torch.full_like(truth.velocity, torch.nan))
    pred = toy.predictions(truth, views.cam_mats.expand(3, 3, 3))
    losses, _ = loss_on(
        head, monkeypatch, pred, toy.samples(3), truth, toy.objects([0, 0, 0]), views
    )
    assert losses["loss_velocity"].item() == 0
    losses["loss_velocity"].backward()
    assert pred.velocity.grad.abs().max() == 0


@pytest.mark.parametrize("field, value", [("x3d", torch.nan), ("w2d", 0.0), ("x2d", torch.inf)])
def test_broken_object_leaves_its_neighbours_alone(toy, monkeypatch, field, value):
    views, truth = toy.views(1), toy.truth(3)
    cam_mats, objects = views.cam_mats.expand(3, 3, 3), toy.objects([0] * 3)
    samples, pred = toy.samples(3), toy.predictions(truth, cam_mats)
    changed = getattr(pred, field).detach().index_fill(0, torch.tensor(1), value)
    broken = dataclasses.replace(pred, **{field: changed.requires_grad_()})
    losses, posterior = loss_on(toy.head(), monkeypatch, broken, samples, truth, objects, views)
    assert posterior.valid.tolist() == [True, False, True]

    # The same as if a sound object in its place had no weight.
    absent = posterior.valid.double()
    samples = SampledObjects(
        samples.index, samples.weight * absent, samples.uniform_weight * absent
    )
    mode = torch.where(posterior.valid[:, None], posterior.mode, truth.pose + 0.5)
    posterior = dataclasses.replace(posterior, mode=mode)
    expected = slow_losses(toy, pred, samples, truth, posterior, cam_mats)
    for name in ("loss_score", "loss_reg_pos", "loss_reg_orient"):
        assert losses[name].item() == pytest.approx(expected[name].item(), rel=1e-6), name

    sum(losses.values()).backward()
    for each in (broken.x3d, broken.x2d, broken.w2d):
        assert each.grad.isfinite().all()
        assert each.grad[1].abs().max() == 0
        assert each.grad[[0, 2]].flatten(1).abs().amax(1).min() > 0


def test_problem_uses_each_objects_own_camera(toy):
    views, truth = toy.views(3), toy.truth(2)
    img_ind = torch.tensor([2, 1])
    pred = toy.predictions(truth, views.cam_mats[img_ind])
    problem = toy.head().problem(pred, img_ind, views)
    for i in range(2):
        expected = slow_cost(truth.pose[i], pred, i, views.cam_mats[img_ind[i]])
        torch.testing.assert_close(problem.cost(truth.pose)[i], expected)
