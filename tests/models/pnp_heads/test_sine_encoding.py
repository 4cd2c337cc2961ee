import math

import pytest
import torch

from epropnp_det.models.pnp_heads.sine_encoding import sine_encoding, sine_encoding_map


def slow_encoding(u: float, v: float, width: float, height: float, num_feats: int) -> list[float]:
    encoded = []
    for position, size in ((v, height), (u, width)):
        for k in range(0, num_feats, 2):
            angle = 2 * math.pi * position / size / 10_000 ** (k / num_feats)
            encoded += [math.sin(angle), math.cos(angle)]
    return encoded


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_loops(dtype):
    points = torch.rand(5, 2, dtype=dtype) * 300 - 50
    size = torch.tensor([[200.0, 100.0]], dtype=dtype)
    encoded = sine_encoding(points, size, 8)
    assert encoded.shape == (5, 16)
    assert encoded.dtype == dtype
    expected = [slow_encoding(u, v, 200, 100, 8) for u, v in points.tolist()]
    torch.testing.assert_close(
        encoded,
        torch.tensor(expected, dtype=dtype),
        atol=2e-5 if dtype == torch.float32 else 1e-12,
        rtol=0,
    )


def test_map_is_the_encoding_of_its_cell_centres():
    size = torch.tensor([[64.0, 48.0], [40.0, 32.0]])
    encoded = sine_encoding_map((3, 5), size, stride=8, num_feats=4)
    assert encoded.shape == (2, 8, 3, 5)
    for b, (width, height) in enumerate(size.tolist()):
        for row in range(3):
            for column in range(5):
                expected = slow_encoding(8 * column + 4, 8 * row + 4, width, height, 4)
                assert encoded[b, :, row, column].tolist() == pytest.approx(expected, abs=1e-6)


def test_each_image_uses_its_own_size():
    points = torch.rand(3, 2) * 100
    size = torch.tensor([[100.0, 50.0], [200.0, 50.0], [100.0, 80.0]])
    together = sine_encoding(points, size, 6)
    for i in range(3):
        torch.testing.assert_close(together[i], sine_encoding(points[i], size[i], 6))


def test_gradient():
    points = (torch.rand(4, 2, dtype=torch.float64) * 100).requires_grad_()
    size = torch.tensor([[100.0, 50.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p, s: sine_encoding(p, s, 4), (points, size))


def test_no_points():
    assert sine_encoding(torch.zeros(0, 2), torch.zeros(0, 2), 8).shape == (0, 16)


def test_corners_and_points_far_outside_are_finite():
    points = torch.tensor([[0.0, 0.0], [64.0, 32.0], [-1e6, 1e6]])
    assert sine_encoding(points, torch.tensor([64.0, 32.0]), 128).isfinite().all()
