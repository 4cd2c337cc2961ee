"""Losses and poses of crops whose maps are nearly right."""

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.errors import UserError
from epropnp_det.models.object_pose import CoordinateMaps, ObjectPoseHead
from epropnp_det.models.object_pose.crops import Crops
from epropnp_det.pnp.pose import rotation_matrix

LOSSES = dict(
    loss_pose=dict(type="MonteCarloPoseLoss", loss_weight=0.2),
    loss_reg_pos=dict(type="mmdet.SmoothL1Loss", beta=0.05),
    loss_reg_orient=dict(type="QuaternionLoss"),
    loss_coords=dict(type="mmdet.L1Loss"),
)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def make_head(**settings) -> ObjectPoseHead:
    train = dict(num_points=40, mc_samples=32) | settings.pop("train_cfg", {})
    return ObjectPoseHead(**{**LOSSES, **settings}, train_cfg=train)


def test_losses_that_are_asked_for(make_crops):
    maps, samples = make_crops()
    assert make_head().loss(maps, samples).keys() == LOSSES.keys()
    assert ObjectPoseHead().loss(maps, samples).keys() == {"loss_pose"}
    without_rotation = make_head(loss_reg_orient=None, loss_coords=None)
    assert without_rotation.loss(maps, samples).keys() == {"loss_pose", "loss_reg_pos"}


@dtypes
@pytest.mark.parametrize("weighting", ["v1", "v2"])
def test_predicted_poses_are_the_true_ones(make_crops, dtype, weighting):
    maps, samples = make_crops(dtype=dtype, noise=1e-3)
    result = make_head(weighting=weighting).predict(maps, samples)
    truth = torch.stack([sample.gt_pose for sample in samples]).to(dtype)
    assert result.valid.all() and result.pose.dtype == dtype and not result.pose.requires_grad
    assert result.covariance.shape == (3, 6, 6)
    assert (result.pose - truth)[:, :3].norm(dim=-1).max() < 2e-3
    assert_close(rotation_matrix(result.pose), rotation_matrix(truth), atol=0.02, rtol=0)


def test_posterior_is_around_the_same_pose(make_crops):
    maps, samples = make_crops()
    plain = make_head().predict(maps, samples)
    assert plain.samples is plain.log_weights is None
    settings = dict(return_posterior=True, mc_samples=64)
    found = make_head(test_cfg=settings).predict(maps, samples)
    for name in ("pose", "covariance", "cost", "valid", "weights"):
        assert_close(getattr(found, name), getattr(plain, name))
    assert found.samples.shape == (3, 64, 7) and found.log_weights.shape == (3, 64)
    weights = found.log_weights.exp()
    assert_close(weights.sum(1), torch.ones(3, dtype=torch.float64))
    mean = (weights[..., None] * found.samples[..., :3]).sum(1)
    spread = found.covariance.diagonal(dim1=1, dim2=2)[:, :3].sqrt()
    assert ((mean - found.pose[:, :3]).abs() < spread).all()


def test_weights_and_cost_are_those_of_the_problem(make_crops):
    maps, samples = make_crops()
    head = make_head()
    found = head.predict(maps, samples)
    problem = head.problem(maps, Crops.from_samples(samples, 8, maps.coords))
    assert found.weights.shape == (3, 2, 8, 8)
    assert_close(found.weights[1, :, 2, 5], problem.w2d[1, 2 * 8 + 5].detach())
    residual = problem.residuals(found.pose).norm(dim=-1)
    delta = problem.robust_cost.delta[:, None]
    rho = torch.where(residual <= delta, residual**2 / 2, delta * residual - delta**2 / 2)
    assert_close(found.cost, rho.sum(1).detach())


def test_pose_does_not_depend_on_the_batch(make_crops):
    maps, samples = make_crops()
    head = make_head()
    together = head.predict(maps, samples)
    for i, sample in enumerate(samples):
        alone = head.predict(CoordinateMaps(*(x[i : i + 1] for x in maps)), [sample])
        assert_close(alone.pose[0], together.pose[i])


@dtypes
def test_losses_that_are_not_random(make_crops, dtype):
    """Of coordinates, by loops; with all cells drawn the regularisation is no more random."""
    maps, samples = make_crops(dtype=dtype)
    for number, sample in enumerate(samples):
        sample.gt_mask = (torch.arange(64).view(8, 8) % (number + 2) == 0).float()
    losses = make_head().loss(maps, samples)
    total, count = 0.0, 0
    for found, sample in zip(maps.coords, samples, strict=True):
        error = (found.double() - sample.gt_coords).abs()
        for row, column in sample.gt_mask.nonzero().tolist():
            total += error[:, row, column].sum().item()
        count += error.numel()
    assert losses["loss_coords"].dtype == dtype
    assert losses["loss_coords"].item() == pytest.approx(total / count, rel=1e-5)


def test_regularisation_is_of_one_step_from_the_optimum(make_crops):
    maps, samples = make_crops(noise=0.05)
    head = make_head(train_cfg=dict(num_points=64))
    losses = head.loss(maps, samples)
    crops = Crops.from_samples(samples, 8, maps.coords)
    truth = torch.stack([sample.gt_pose for sample in samples]).double()
    optimum = head.pnp.solver(head.problem(maps, crops, border=30.0), truth).pose
    distance = (optimum - truth)[:, :3].norm(dim=-1)
    assert (distance < 0.05).all()
    assert losses["loss_reg_pos"].item() == pytest.approx(
        (distance.square() / 0.1).mean().item(), rel=0.05
    )
    turned = rotation_matrix(optimum) @ rotation_matrix(truth).mT
    angle_cosine = (turned.diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2
    expected = (1 - angle_cosine).mean().item()
    assert losses["loss_reg_orient"].item() == pytest.approx(expected, rel=0.05)


def test_points_are_different_cells_of_their_crop(make_crops, monkeypatch):
    maps, samples = make_crops()
    head, seen = make_head(), []
    problem = head.problem

    def spy(maps, crops, cells=None, border=None):
        seen.append((cells, border))
        return problem(maps, crops, cells, border)

    monkeypatch.setattr(head, "problem", spy)
    head.loss(maps, samples)
    ((cells, border),) = seen
    assert cells.shape == (3, 40) and border == 30
    assert all(len(row.unique()) == 40 for row in cells)
    taken = problem(maps, Crops.from_samples(samples, 8, maps.coords), cells)
    whole = problem(maps, Crops.from_samples(samples, 8, maps.coords))
    assert torch.equal(taken.x3d[1, 3], whole.x3d[1, cells[1, 3]])
    assert torch.equal(taken.x2d[2, 5], whole.x2d[2, cells[2, 5]])
    assert_close(taken.w2d.sum(1), whole.w2d.sum(1))  # weights of those drawn alone


@pytest.mark.parametrize("weighting", ["v1", "v2"])
def test_every_map_learns(make_crops, weighting):
    maps, samples = make_crops(dtype=torch.float32)
    sum(make_head(weighting=weighting).loss(maps, samples).values()).backward()
    for field in maps:
        assert field.grad.isfinite().all() and field.grad.abs().max() > 0


def test_degenerate_crops_leave_the_others_alone(make_crops):
    maps, samples = make_crops()
    with torch.no_grad():
        maps.coords[0] = 0.0
        maps.coords[1, 0, 0, 0] = torch.nan
    head = make_head(loss_coords=None)
    losses = head.loss(maps, samples)
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    assert maps.coords.grad[:2].abs().max() == 0 and maps.coords.grad[2].abs().max() > 0
    result = head.predict(maps, samples)
    assert result.valid.tolist() == [False, False, True] and result.pose.isfinite().all()


def test_no_crops(make_crops):
    maps, samples = make_crops(batch=0)
    head = make_head(loss_coords=None)
    losses = head.loss(maps, samples)
    assert all(loss == 0 for loss in losses.values())
    result = head.predict(maps, samples)
    assert result.pose.shape == (0, 7) and result.covariance.shape == (0, 6, 6)


def test_what_a_loss_lacks_is_named(make_crops):
    maps, samples = make_crops()
    head = make_head()
    samples[1].gt_mask = torch.ones(4, 4)
    with pytest.raises(UserError, match=r"gt_mask of the shape \(4, 4\).*\(8, 8\)"):
        head.loss(maps, samples)
    del samples[1].gt_coords
    with pytest.raises(UserError, match="object 1 of a.png comes without gt_coords"):
        head.loss(maps, samples)
    del samples[0].gt_pose
    with pytest.raises(UserError, match="object 0 of a.png comes without gt_pose"):
        head.loss(maps, samples)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(weighting="v3"), "weighting is 'v3': give v1 or v2"),
        (dict(train_cfg=dict(num_points=0)), "train_cfg.num_points is 0: give at least 1"),
        (dict(train_cfg=dict(mc_samples=6, mc_rounds=4)), "mc_samples is 6: give a positive mult"),
        (dict(test_cfg=dict(mc_samples=6)), "test_cfg.mc_samples is 6: give a positive multiple"),
        (dict(test_cfg=dict(solver_iters="5")), "test_cfg.solver_iters is '5': give a whole"),
    ],
)
def test_wrong_settings_are_named(settings, said):
    with pytest.raises(UserError, match=said):
        ObjectPoseHead(**settings)
