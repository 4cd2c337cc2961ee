import pytest

from epropnp_det.errors import UserError
from epropnp_det.synthetic.bop import Settings


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scenes": 0}, "at least 1 scene"),
        ({"test_scenes": 0}, "1 to test"),
        ({"images_per_scene": 0}, "1 image"),
        ({"images_per_scene": 10**6 + 1}, "at most 1000000"),
        ({"seed": -1}, "seed -1: give a number from 0 on"),
        ({"image_size": (640, 16)}, "640x16: 32x32 is the least"),
    ],
)
def test_impossible_settings_are_refused(arguments, said):
    with pytest.raises(UserError, match=said):
        Settings(**{"scenes": 1, "test_scenes": 1, "images_per_scene": 1} | arguments)


def test_images_scene_by_scene_and_their_files():
    settings = Settings(2, 1, 2, seed=9)
    images = list(settings.images())
    assert [image.path("rgb") for image in images] == [
        "train/000000/rgb/000000.png",
        "train/000000/rgb/000001.png",
        "train/000001/rgb/000000.png",
        "train/000001/rgb/000001.png",
        "test/000000/rgb/000000.png",
        "test/000000/rgb/000001.png",
    ]
    assert images[3].path("mask", instance=12) == "train/000001/mask/000001_000012.png"
    seeds = [image.seed(settings) for image in images]
    assert len(set(seeds)) == 6
    # More of them leave those as they are.
    more = Settings(3, 2, 5, seed=9)
    assert set(seeds) <= {image.seed(more) for image in more.images()}
