import pytest
import torch

from epropnp_det.pnp import HuberCost, PerspectiveCamera
from epropnp_det.pnp.layout import OBJECT_ROWS, Layout

LAYOUTS = {"one row": Layout(), "rows of four": Layout(lanes=4), "row an object": OBJECT_ROWS}
layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


@layouts
@pytest.mark.parametrize("batch", [0, 1, 4, 9])
def test_points_come_back(layout, batch):
    points = torch.randn(batch, 5, 3)
    packed = layout.points(points.permute(2, 0, 1))
    assert packed.shape[0] == 3 and packed.shape[2] == 5
    assert packed.is_contiguous()
    assert torch.equal(layout.unpack_points(packed, batch), points)


@layouts
def test_points_and_objects_lie_side_by_side(layout):
    """A number of an object meets all of its points, and nobody else's."""
    points, scale = torch.randn(9, 5, 2), torch.randn(9)
    product = layout.points(points.permute(2, 0, 1)) * layout.objects(scale)
    assert torch.equal(layout.unpack_points(product, 9), points * scale[:, None, None])


@layouts
def test_objects_keep_their_dimensions(layout):
    packed = layout.objects(torch.arange(9 * 6.0).view(9, 2, 3))
    assert packed.shape[:2] == (2, 3) and packed.shape[3] == 1
    lane_by_lane = packed[:, :, :, 0].flatten(2)[..., :9]
    assert torch.equal(lane_by_lane, torch.arange(9 * 6.0).view(9, 2, 3).permute(1, 2, 0))


def test_batch_is_padded_with_zeros():
    packed = Layout(lanes=4).objects(torch.ones(9))
    assert packed.shape == (3, 1, 4)
    assert packed.flatten().tolist() == [1] * 9 + [0] * 3


def test_records_are_packed_field_by_field():
    cam_mats = torch.randn(9, 3, 3)
    cam_mats[:, 2] = torch.tensor([0.0, 0, 1])
    camera = PerspectiveCamera(cam_mats, torch.rand(9, 4), z_min=0.5)
    packed = camera.packed(Layout(lanes=4))
    assert packed.cam_mats.shape == (3, 3, 3, 1, 4) and packed.bounds.shape == (4, 3, 1, 4)
    assert packed.z_min == 0.5
    assert torch.equal(packed.rows(slice(1, 3)).cam_mats, packed.cam_mats[:, :, 1:3])
    assert HuberCost(2.0).packed(Layout()).delta == 2.0
