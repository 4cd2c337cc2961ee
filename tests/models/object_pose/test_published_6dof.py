"""Identity with the published 6 DoF network: with its weights, its maps, problems and losses."""

import copy

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from epropnp_det.datasets.bop import crop_window, cut_crop
from epropnp_det.models.object_pose.crops import Crops
from epropnp_det.models.object_pose.point_weights import WEIGHTINGS


@pytest.fixture(scope="module")
def crops(samples, maps):
    return Crops.from_samples(samples, 64, maps.coords)


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def test_every_weight_has_its_place(network, published_weights):
    assert len(network.state_dict()) == len(published_weights) == 275


def test_crops_are_the_published_ones(images, reference):
    """Also at the border: there the published crop of these images keeps its centre."""
    for i, image in enumerate(images):
        center, size = crop_window(
            reference["crop_center_asked"][i].numpy(),
            reference["crop_size_asked"][i].item(),
            image.shape,
        )
        assert center.tolist() == reference["crop_center"][i].tolist()
        assert size == reference["crop_size"][i]
        theirs = reference["net_input"][i].permute(1, 2, 0).numpy()
        ours = cut_crop(image.astype(np.float32), center, size, 256)[::8, ::8] / 255
        assert np.abs(ours - theirs).max() < 1e-6
        rounded = cut_crop(image, center, size, 256)[::8, ::8] / 255
        assert np.abs(rounded - theirs).max() < 1 / 255


def test_maps(maps, reference):
    assert relative_error(maps.coords, reference["noc"]) < 1e-4
    assert relative_error(maps.weight_logit, reference["w2d_logit"]) < 1e-4
    assert relative_error(maps.scale, reference["scale"]) < 1e-4


def test_pixels_of_the_cells(crops, reference):
    assert_close(crops.corner, reference["wh_begin"])
    assert_close(crops.cell, reference["wh_unit"])
    pixels = crops.pixels()
    assert torch.equal(pixels[:, 0], crops.corner)
    right_below = reference["wh_begin"] + torch.tensor([5, 2]) * reference["wh_unit"][:, None]
    assert_close(pixels[:, 2 * 64 + 5], right_below)


def test_problems_in_a_test(network, maps, crops, reference):
    problem = network.pose_head.problem(maps, crops)
    assert relative_error(problem.w2d, reference["w2d"]) < 1e-4
    assert relative_error(problem.robust_cost.delta, reference["test_huber_delta"]) < 1e-4
    cost = problem.to(torch.float64).cost(reference["best_pose"])
    assert_close(cost, reference["best_cost"], rtol=1e-4, atol=0)


def test_weights_of_the_first_version(maps, crops, reference_v1b):
    logit = maps.weight_logit.flatten(2).mT
    w2d = WEIGHTINGS["v1"](logit, maps.scale, crops.cell)
    assert_close(w2d, reference_v1b["w2d"], rtol=1e-4, atol=0)


def test_first_version_is_that_of_its_configs(published, maps, crops, reference_v1b):
    head = published("basic").pose_head
    problem = head.problem(maps, crops)
    assert_close(problem.w2d, reference_v1b["w2d"], rtol=1e-4, atol=0)
    delta = problem.robust_cost.delta
    assert_close(delta, reference_v1b["test_huber_delta"], rtol=1e-4, atol=0)


def test_problems_in_training(network, maps, crops, reference):
    head, cells = network.pose_head, reference["train_point_ind"]
    problem = head.problem(maps, crops, cells, head.border)
    assert relative_error(problem.w2d, reference["train_w2d"]) < 1e-4
    assert relative_error(problem.robust_cost.delta, reference["train_huber_delta"]) < 1e-4
    assert_close(problem.cost(reference["pose_gt"]), reference["cost_gt"], rtol=1e-4, atol=0)


def test_losses(network, maps, samples, reference):
    head = copy.deepcopy(network.pose_head).train()
    losses = head.loss(maps, samples)
    assert losses["loss_coords"].item() == pytest.approx(reference["loss_rot_l1"].item(), rel=1e-4)
    norm = head.loss_pose.norm_factor.item()
    assert norm == pytest.approx(reference["norm_factor_after_one_step"].item(), rel=1e-5)
    assert all(loss.isfinite() for loss in losses.values())


def test_search_without_an_initial_pose(network, maps, samples, crops, reference):
    """A single run, against the best of 16 long runs of the reference."""
    result = network.pose_head.predict(maps, samples)
    cost = network.pose_head.problem(maps, crops).cost(result.pose)
    assert result.valid.all()
    assert (cost <= 1.01 * reference["best_cost"]).all(), cost / reference["best_cost"]
