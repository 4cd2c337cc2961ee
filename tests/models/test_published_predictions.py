"""Identity with the published implementation: with its weights, its predictions.

The references are small networks of the published designs on two real images.
"""

import pytest
import torch

from epropnp_det.pnp import LMSolver, RandomSampleSolver


@pytest.fixture(scope="module", params=["v2", "v1b"])
def published_version(request):
    return request.param


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def test_every_weight_has_its_place(untrained_network, weights, published_weights):
    assert len(weights) == len(published_weights)
    result = untrained_network.load_state_dict(weights, strict=False)
    assert result.missing_keys == result.unexpected_keys == []


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
    centers = centers[torch.arange(len(centers)), selected.label]
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


def test_cost_at_the_best_poses(reference, problem_in_original_pixels):
    fields = (reference[name] for name in ("x3d", "x2d", "w2d", "obj_img_ind"))
    problem = problem_in_original_pixels(*fields)
    torch.testing.assert_close(problem.robust_cost.delta, reference["huber_delta"])
    cost = problem.cost(reference["best_pose"])
    torch.testing.assert_close(cost, reference["best_cost"], rtol=1e-4, atol=1e-4)


def test_solver_reaches_the_best_cost(network, feats, selected, views, reference):
    """Single runs of ours, against the best of eight runs of the reference as long as ours."""
    head = network.bbox_head
    with torch.no_grad():
        problem = head.problem(head(feats, selected, views), selected.img_ind, views)
    solver = RandomSampleSolver(num_proposals=64, refine=LMSolver(30))
    generators = [torch.Generator().manual_seed(seed) for seed in range(5)]
    costs = [problem.cost(solver(problem, generator=each).pose) for each in generators]
    reached = torch.stack(costs) <= 1.01 * reference["best_cost"]
    assert reached.float().mean() >= 0.99
