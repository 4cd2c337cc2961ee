import math

import pytest
import torch

from epropnp_det.models.task_modules import MultiClassLogDimCoder

MEANS = [(4.62, 1.73, 1.96), (0.73, 1.77, 0.67)]
STDS = [(0.46, 0.24, 0.16), (0.19, 0.19, 0.14)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_loops(dtype):
    coder = MultiClassLogDimCoder(MEANS, STDS).to(dtype)
    dims = 0.3 + 5 * torch.rand(6, 3, dtype=dtype)
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    expected = [
        [
            (math.log(size) - math.log(mean)) / (std / mean)
            for size, mean, std in zip(row, MEANS[label], STDS[label], strict=True)
        ]
        for row, label in zip(dims.tolist(), labels.tolist(), strict=True)
    ]
    codes = coder.encode(dims, labels)
    assert codes.dtype == dtype
    torch.testing.assert_close(codes, torch.tensor(expected, dtype=dtype), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(coder.decode(codes, labels), dims)


def test_code_zero_is_the_class_mean():
    coder = MultiClassLogDimCoder(MEANS, STDS)
    dims = coder.decode(torch.zeros(2, 3), torch.tensor([1, 0]))
    torch.testing.assert_close(dims, torch.tensor(MEANS).flip(0))


def test_gradients():
    coder = MultiClassLogDimCoder(MEANS, STDS).double()
    labels = torch.tensor([0, 1, 1])
    dims = (1 + torch.rand(3, 3, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: coder.encode(x, labels), dims)
    assert torch.autograd.gradcheck(lambda x: coder.decode(x, labels), dims)


def test_no_objects():
    coder = MultiClassLogDimCoder(MEANS, STDS)
    none = torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)
    assert coder.encode(*none).shape == coder.decode(*none).shape == (0, 3)


def test_batch_equals_its_objects_one_by_one():
    coder = MultiClassLogDimCoder(MEANS, STDS)
    codes, labels = torch.randn(4, 3), torch.tensor([1, 0, 0, 1])
    together = coder.decode(codes, labels)
    for i in range(4):
        torch.testing.assert_close(
            coder.decode(codes[i : i + 1], labels[i : i + 1])[0], together[i]
        )


def test_statistics_are_not_weights():
    assert not MultiClassLogDimCoder(MEANS, STDS).state_dict()


@pytest.mark.parametrize(
    "means, stds", [(MEANS, STDS[:1]), ([(1.0, 2.0)], [(1.0, 2.0)]), ([1.0], [1.0])]
)
def test_wrong_statistics_are_named(means, stds):
    with pytest.raises(ValueError, match=r"means and stds need one \(l, h, w\) a class"):
        MultiClassLogDimCoder(means, stds)
