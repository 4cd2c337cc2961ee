import math

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.models.object_pose.point_weights import (
    WEIGHTINGS,
    centred_weights,
    softmax_weights,
)

each_weighting = pytest.mark.parametrize("weights", WEIGHTINGS.values(), ids=WEIGHTINGS)


def inputs(batch=2, num=5, dtype=torch.float64):
    torch.manual_seed(0)
    logit = torch.randn(batch, num, 2, dtype=dtype)
    return logit, 1 + torch.rand(batch, 2, dtype=dtype), 1 + torch.rand(batch, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_by_loops(dtype):
    logit, scale, cell = inputs(dtype=dtype)
    centred, softmax = torch.empty_like(logit), torch.empty_like(logit)
    for b in range(2):
        for axis in range(2):
            column = logit[b, :, axis].tolist()
            mean, total = sum(column) / 5, sum(map(math.exp, column))
            for n, value in enumerate(column):
                centred[b, n, axis] = math.exp(value - mean) / 5 * scale[b, axis]
                softmax[b, n, axis] = math.exp(value) / total * scale[b, axis] / cell[b]
    assert_close(centred_weights(logit, scale, cell), centred)
    assert_close(softmax_weights(logit, scale, cell), softmax)


@each_weighting
def test_a_common_logit_changes_nothing(weights):
    logit, scale, cell = inputs()
    assert_close(weights(logit + 3, scale, cell), weights(logit, scale, cell))


@each_weighting
def test_gradient(weights):
    leaves = [x.requires_grad_() for x in inputs()]
    assert torch.autograd.gradcheck(lambda *x: weights(*x) + 0 * x[2][:, None, None], leaves)


@each_weighting
def test_crops_are_independent(weights):
    logit, scale, cell = inputs(batch=3)
    together = weights(logit, scale, cell)
    for b in range(3):
        one = slice(b, b + 1)
        assert torch.equal(weights(logit[one], scale[one], cell[one])[0], together[b])


@each_weighting
@pytest.mark.parametrize(("batch", "num"), [(0, 5), (2, 1), (2, 0)])
def test_no_crops_and_hardly_any_points(weights, batch, num):
    found = weights(*inputs(batch, num))
    assert found.shape == (batch, num, 2) and found.isfinite().all()
