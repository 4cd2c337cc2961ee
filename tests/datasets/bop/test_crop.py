import cv2
import numpy as np
import pytest

from epropnp_det.datasets.bop.crop import (
    box_window,
    cell_pixels,
    crop_window,
    cut_crop,
    inside_image,
)


@pytest.fixture(scope="module")
def published(golden_dir):
    return np.load(golden_dir / "public_6dof_v2.npz")


@pytest.fixture(scope="module")
def published_images(keyframe_root):
    images = []
    for camera in ("CAM_FRONT", "CAM_BACK"):
        (path,) = (keyframe_root / "samples" / camera).glob("*.jpg")
        images += [cv2.imread(str(path))[200:680, 300:940]] * 2
    return images


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 1e-4), (np.uint8, 1.0)])
def test_crops_are_the_published_ones(published, published_images, index, dtype, error):
    image = published_images[index].astype(dtype)
    center, size = crop_window(
        published["crop_center_asked"][index], published["crop_size_asked"][index], image.shape
    )
    np.testing.assert_array_equal(center, published["crop_center"][index])
    assert size == published["crop_size"][index]
    crop = cut_crop(image, center, size)
    assert crop.dtype == dtype
    expected = 255 * published["net_input"][index].transpose(1, 2, 0)
    np.testing.assert_allclose(crop[::8, ::8].astype(float), expected, atol=error)
    pixels = cell_pixels(center, size)
    np.testing.assert_allclose(pixels[0, 0], published["wh_begin"][index])
    np.testing.assert_allclose(
        pixels[5, 7] - pixels[0, 0], np.array([7, 5]) * published["wh_unit"][index]
    )


def test_window_is_cut_to_whole_pixels_and_to_the_image():
    center, size = crop_window(*box_window([10, 20, 100, 51]), (480, 640))
    np.testing.assert_array_equal(center, [60, 45])
    assert size == 150
    assert crop_window((0, 0), 2000, (480, 640))[1] == 640
    assert crop_window((3.9, 2.2), 0.4, (480, 640))[1] == 1


@pytest.mark.parametrize("center", [(2, 3), (38, 27), (-30, 10), (70, 10), (20, -40), (20, 90)])
@pytest.mark.parametrize("size", [24, 25, 40])
def test_crop_over_the_border_keeps_its_centre(center, size):
    image = np.random.RandomState(0).randint(1, 255, (30, 40)).astype(np.uint8)
    left, top = (int(np.floor(c - size / 2 + 0.5)) for c in center)
    padded = np.zeros((230, 240), np.uint8)
    padded[100:130, 100:140] = image
    expected = padded[100 + top : 100 + top + size, 100 + left : 100 + left + size]
    crop = cut_crop(image, np.array(center, float), float(size), out=size)
    np.testing.assert_array_equal(crop, expected)
    np.testing.assert_array_equal(
        inside_image(np.array(center, float), float(size), image.shape, out=size), expected > 0
    )


def test_cells_stand_for_corners_of_the_network_s_pixels():
    pixels = cell_pixels(np.array([100.0, 50.0]), 32.0, cells=4)
    np.testing.assert_array_equal(pixels[..., 0], [[84, 92, 100, 108]] * 4)
    np.testing.assert_array_equal(pixels[:, 0, 1], [34, 42, 50, 58])
