import pytest
import torch
from torch.testing import assert_close

from epropnp_det.datasets.bop import cell_pixels
from epropnp_det.models.object_pose.crops import Crops

like = pytest.mark.parametrize("like", [torch.zeros(1), torch.zeros(1, dtype=torch.float64)])


@like
def test_cells_stand_for_the_pixels_of_the_data(make_object_sample, like):
    """Those at which the targets are rendered."""
    samples = [
        make_object_sample(crop_center=[330.0, 240.0], crop_size=96.0),
        make_object_sample(crop_center=[10.0, 475.0], crop_size=33.0),
    ]
    crops = Crops.from_samples(samples, 8, like)
    pixels = crops.pixels()
    assert pixels.dtype == like.dtype and pixels.shape == (2, 64, 2)
    for sample, found in zip(samples, pixels, strict=True):
        expected = cell_pixels(sample.crop_center, sample.crop_size, 8).reshape(-1, 2)
        assert_close(found, torch.from_numpy(expected).to(like))


def test_values_of_samples(make_object_sample):
    sample = make_object_sample(half_size=[0.1, 0.2, 0.3])
    crops = Crops.from_samples([sample], 32, torch.zeros(1))
    assert crops.corner.tolist() == [[282, 192]] and crops.cell.tolist() == [3]
    assert_close(crops.half_size, torch.tensor([[0.1, 0.2, 0.3]]))
    assert_close(crops.cam_mats[0], torch.tensor(sample.cam2img, dtype=torch.float32))


def test_bounds_of_the_cameras(make_object_sample):
    crops = Crops.from_samples([make_object_sample()], 32, torch.zeros(1))
    free, bounded = crops.cameras(0.01), crops.cameras(0.01, border=10)
    assert free.bounds is None and free.z_min == bounded.z_min == 0.01
    assert bounded.bounds.tolist() == [[252, 162, 408, 318]]


def test_no_crops():
    crops = Crops.from_samples([], 16, torch.zeros(1))
    assert crops.pixels().shape == (0, 256, 2)
    assert crops.cameras(0.01, 30).bounds.shape == (0, 4)
    assert crops.half_size.shape == (0, 3)
