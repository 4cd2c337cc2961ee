import numpy as np

from epropnp_det.synthetic.bop.camera import Camera, Window


def test_linemod_and_its_half():
    camera = Camera.linemod((640, 480))
    assert camera.matrix[0, 0] == 572.4114 and camera.matrix[1, 1] == 573.57043
    assert camera.matrix[0, 2] == 325.2611 and camera.matrix[1, 2] == 242.04899
    half = Camera.linemod((320, 240))
    # The corner of the first pixel is seen in the same direction.
    np.testing.assert_allclose(
        half.bearing(np.array([-0.5, -0.5])), camera.bearing(np.array([-0.5, -0.5])), atol=1e-7
    )
    np.testing.assert_allclose(
        half.bearing(np.array([319.5, 239.5])), camera.bearing(np.array([639.5, 479.5])), atol=1e-7
    )


def test_rays_are_projected_onto_their_pixels():
    camera = Camera.linemod((64, 48))
    window = Window(-3, 5, 70, 20)
    rays = camera.rays(window)
    assert rays.shape == (*window.shape, 3)
    pixels = 0.7 * rays @ camera.matrix.T
    pixels = pixels[..., :2] / pixels[..., 2:]
    rows, columns = np.mgrid[5:20, -3:70]
    np.testing.assert_allclose(pixels, np.stack([columns, rows], -1), atol=1e-4)
    np.testing.assert_allclose(camera.bearing(np.array([-3, 5])), rays[0, 0], atol=1e-6)


def test_window_of_points_holds_their_pixels():
    camera = Camera.linemod((64, 48))
    points = np.random.default_rng(0).uniform((-0.1, -0.1, 0.5), (0.1, 0.1, 0.7), (50, 3))
    window = camera.window_of(points)
    u, v, w = camera.matrix @ points.T
    assert window.left <= (u / w).min() < window.left + 1
    assert window.right - 1 >= (u / w).max() > window.right - 2
    assert window.top <= (v / w).min() and (v / w).max() <= window.bottom - 1


def test_windows_in_common():
    image = Window(0, 0, 10, 8)
    inside = Window(-2, 3, 4, 9).within(image)
    assert inside == Window(0, 3, 4, 8) and inside.shape == (5, 4)
    assert image.part(inside) == (slice(3, 8), slice(0, 4))
    assert Window(12, 0, 20, 4).within(image).shape == (4, 0)
