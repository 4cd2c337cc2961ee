import numpy as np

from epropnp_det.synthetic.bop.pattern import Pattern, PlaneTexture, linear, srgb_bytes


def test_bytes_and_linear_values_are_inverse():
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(srgb_bytes(linear(values / 255))[32:], values[32:])
    assert np.abs(srgb_bytes(linear(values / 255)).astype(int) - values).max() <= 1
    assert srgb_bytes(np.array([-1.0, 0, 1, 7])).tolist() == [0, 0, 255, 255]
    # A grey card.
    assert srgb_bytes(np.array([0.18])) == 118


def test_field_has_the_variance_and_the_scale_that_it_says():
    rng = np.random.default_rng(0)
    fields = []
    for _ in range(30):
        pattern = Pattern.draw(rng, 0.05, 3)
        points = rng.uniform(-1, 1, (1000, 3))
        fields.append((pattern.field(points), pattern.field(points + (0.001, 0, 0))))
    one, near = np.moveaxis(np.array(fields), 1, 0)
    assert abs(one.var() - 1) < 0.1
    # A millimetre is little.
    assert np.abs(one - near).mean() < 0.1


def test_each_colour_covers_about_as_much():
    pattern = Pattern.draw(np.random.default_rng(1), 0.05, 4, softness=0)
    colours = pattern.colours(np.random.default_rng(2).normal(size=20000))
    _, counts = np.unique(np.round(colours, 6), axis=0, return_counts=True)
    # A few lie on the edges, where two are mixed.
    assert (counts > 0.2 * 20000).sum() == 4 and counts.sum() - np.sort(counts)[-4:].sum() < 50


def test_colours_between_are_mixed():
    pattern = Pattern.draw(np.random.default_rng(1), 0.05, 2, softness=1)
    low, middle, high = pattern.colours(np.array([-9.0, 0, 9]))
    np.testing.assert_allclose(low, pattern.palette[0])
    np.testing.assert_allclose(high, pattern.palette[1])
    np.testing.assert_allclose(middle, pattern.palette.mean(0))


def test_planes_are_coloured_by_place_alone():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-2, 2, (2, 30, 40)).astype(np.float32)
    for _ in range(10):
        texture = PlaneTexture.draw(rng)
        colours = texture.colours(x, y)
        assert colours.shape == (3, 30, 40) and colours.dtype == np.float32
        assert (colours >= 0).all() and (colours <= 1).all()
        part = texture.colours(x[5:9, 3:], y[5:9, 3:])
        np.testing.assert_allclose(colours[:, 5:9, 3:], part, atol=1e-6)
