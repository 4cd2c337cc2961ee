import pytest
import torch

from epropnp_det.models.targets import ObjectSampler
from epropnp_det.models.targets.object_sampler import equal_box_weights


def positives(num: int, num_boxes: int, dtype=torch.float32):
    centerness = 0.05 + 0.95 * torch.rand(num, dtype=dtype)
    return centerness, torch.arange(num) % num_boxes


def per_box(values: torch.Tensor, boxes: torch.Tensor, num_boxes: int) -> torch.Tensor:
    return values.new_zeros(num_boxes).index_add(0, boxes, values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_box_has_the_same_total_weight(dtype):
    centerness, gt_ind = positives(40, 5, dtype)
    samples = ObjectSampler(24).sample(centerness, gt_ind, num_imgs=2)
    assert len(samples) == 48
    boxes = gt_ind[samples.index]
    for weight in (samples.weight, samples.uniform_weight):
        assert weight.dtype == dtype
        total = per_box(weight, boxes, 5)
        present = total[boxes.unique()]
        torch.testing.assert_close(present, torch.full_like(present, 48 / len(present)))


def test_weights_against_the_design_sample_by_sample():
    centerness, gt_ind = positives(30, 4, torch.float64)
    samples = ObjectSampler(20).sample(centerness, gt_ind, num_imgs=1)
    p = [c / sum(centerness.tolist()) for c in centerness.tolist()]
    drawn = samples.index.tolist()
    weight = [p[i] / (0.5 / 30 + 0.5 * p[i]) for i in drawn]
    uniform = [1.0 for _ in drawn]
    for weights, result in ((weight, samples.weight), (uniform, samples.uniform_weight)):
        of_box = [
            w / sum(v for j, v in zip(drawn, weights, strict=True) if gt_ind[j] == gt_ind[i])
            for i, w in zip(drawn, weights, strict=True)
        ]
        expected = [w / (sum(of_box) / len(of_box)) for w in of_box]
        assert result.tolist() == pytest.approx(expected)


def test_uniform_half_is_drawn_without_replacement():
    centerness, gt_ind = positives(30, 3)
    samples = ObjectSampler(40).sample(centerness, gt_ind, num_imgs=1)
    assert len(samples.index[:20].unique()) == 20
    # Fewer positives than the uniform half: each of them exactly once.
    samples = ObjectSampler(40).sample(centerness[:7], gt_ind[:7], num_imgs=1)
    assert samples.index[:7].sort().values.tolist() == list(range(7))
    assert len(samples) == 40


def test_weighted_mean_is_the_mean_by_centerness():
    """The estimator's mean: each box counts once, its cells by their centerness."""
    num_boxes, repeats = 3, 400
    centerness, gt_ind = positives(300, num_boxes, torch.float64)
    values = torch.randn(300, dtype=torch.float64) + 2 * centerness
    sampler = ObjectSampler(200)
    estimates = []
    for _ in range(repeats):
        samples = sampler.sample(centerness, gt_ind, num_imgs=1)
        estimates.append((samples.weight * values[samples.index]).mean())
    estimates = torch.stack(estimates)
    expected = (
        per_box(centerness * values, gt_ind, num_boxes) / per_box(centerness, gt_ind, num_boxes)
    ).mean()
    error = (estimates.mean() - expected).item()
    deviation = (estimates.std() / repeats**0.5).item()
    assert abs(error) < 4 * deviation
    # The check has the power to see the correction: the plain mean by box is another number.
    plain = (per_box(values, gt_ind, num_boxes) / (300 / num_boxes)).mean()
    assert abs((plain - expected).item()) > 20 * deviation


def test_probability_of_being_drawn_follows_the_mixture():
    centerness, gt_ind = positives(60, 3, torch.float64)
    count, repeats = torch.zeros(60, dtype=torch.float64), 2000
    sampler = ObjectSampler(40)
    for _ in range(repeats):
        drawn = sampler.sample(centerness, gt_ind, num_imgs=1).index
        count += torch.bincount(drawn, minlength=60)
    p = centerness / centerness.sum()
    expected = repeats * (20 / 60 + 20 * p)
    variance = repeats * (20 / 60 * 40 / 60 + 20 * p * (1 - p))
    assert ((count - expected).abs() < 4.5 * variance.sqrt()).all()


def test_no_positives():
    samples = ObjectSampler(48).sample(torch.zeros(0), torch.zeros(0, dtype=torch.long), 2)
    assert len(samples) == 0
    assert samples.weight.shape == samples.uniform_weight.shape == (0,)


def test_one_positive_is_drawn_every_time():
    samples = ObjectSampler(4).sample(torch.tensor([0.3]), torch.tensor([5]), num_imgs=2)
    assert samples.index.tolist() == [0] * 8
    torch.testing.assert_close(samples.weight, torch.ones(8))


def test_tiny_centerness_stays_finite():
    centerness = torch.tensor([1.0, 1e-20, 1e-30])
    samples = ObjectSampler(8).sample(centerness, torch.tensor([0, 1, 2]), num_imgs=1)
    assert samples.weight.isfinite().all()


def test_equal_box_weights_gradient_and_values():
    boxes = torch.tensor([0, 2, 2, 2])
    weights = torch.tensor([5.0, 1.0, 2.0, 1.0], dtype=torch.float64, requires_grad=True)
    result = equal_box_weights(weights, boxes)
    assert result.tolist() == pytest.approx([2.0, 0.5, 1.0, 0.5])
    assert torch.autograd.gradcheck(lambda w: equal_box_weights(w, boxes), weights)
