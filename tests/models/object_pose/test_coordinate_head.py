import pytest
import torch

from epropnp_det.models.object_pose import CoordinateHead


def make_head(dtype=torch.float32, **settings) -> CoordinateHead:
    head = CoordinateHead(**dict(dict(in_channels=6, channels=4, num_stages=2), **settings))
    head.init_weights()
    return head.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_stages", [0, 1, 3])
def test_each_stage_doubles_the_map(dtype, num_stages):
    maps = make_head(dtype, num_stages=num_stages)(torch.randn(2, 6, 3, 3, dtype=dtype))
    side = 3 * 2**num_stages
    assert maps.coords.shape == (2, 3, side, side)
    assert maps.weight_logit.shape == (2, 2, side, side) and maps.scale.shape == (2, 2)
    assert all(field.dtype == dtype for field in maps)


def test_start_of_a_training():
    head = make_head()
    maps = head(torch.randn(2, 6, 3, 3))
    assert maps.weight_logit.abs().max() == 0
    torch.testing.assert_close(maps.scale, torch.full((2, 2), torch.e**3))
    assert 0 < maps.coords.abs().max() < 0.1


def test_scale_is_read_off_the_mean_of_the_cells():
    head = make_head(num_stages=0)
    torch.nn.init.normal_(head.scale_branch.weight)
    feat = torch.randn(1, 6, 2, 3)
    mean = feat[0].sum((1, 2)) / 6
    expected = (head.scale_branch.weight @ mean + 3).exp()
    torch.testing.assert_close(head(feat).scale[0], expected)


def test_autocast_leaves_single_precision():
    head, feat = make_head().eval(), torch.randn(2, 6, 3, 3)
    expected = head(feat)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = head(feat)
    for found, field in zip(maps, expected, strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, field, rtol=0.05, atol=0.01)


def test_no_crops_and_one():
    head = make_head().eval()
    assert head(torch.randn(0, 6, 3, 3)).coords.shape == (0, 3, 12, 12)
    feat = torch.randn(3, 6, 3, 3)
    together = head(feat)
    for i in range(3):
        for found, field in zip(head(feat[i : i + 1]), together, strict=True):
            torch.testing.assert_close(found[0], field[i])
