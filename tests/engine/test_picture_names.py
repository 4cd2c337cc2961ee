import pytest

from epropnp_det.engine.picture_names import picture_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/data/a.jpg", "/other/b.png", "array_0"], ["a.jpg", "b.png", "array_0"]),
        (["/data/LEFT/0.png", "/data/RIGHT/0.png"], ["LEFT_0.png", "RIGHT_0.png"]),
        (["LEFT/0.png", "RIGHT/0.png", "LEFT/1.png"], ["LEFT_0.png", "RIGHT_0.png", "1.png"]),
        (["a/L/0.png", "b/L/0.png", "b/R/0.png"], ["a_L_0.png", "b_L_0.png", "R_0.png"]),
        (["/0.png", "/L/0.png"], ["0.png", "L_0.png"]),
        # Pictures may be written with another suffix.
        (["/data/a.jpg", "/data/a.png"], ["a_jpg.jpg", "a_png.png"]),
        (["/L/a.jpg", "/R/a.png"], ["L_a.jpg", "R_a.png"]),
        # A name of its own stays, whatever the folders of others make.
        (["/L/0.png", "/R/0.png", "/L_0.png"], ["L_0_2.png", "R_0.png", "L_0.png"]),
        (["/data/a.jpg", "/data/a.jpg"], ["a.jpg", "a.jpg"]),
        ([], []),
    ],
)
def test_names(paths, names):
    found = picture_names(paths)
    assert [found[path] for path in paths] == names


def test_many_cameras_of_many_scenes():
    paths = [f"/d/{s}/{c}/{n}.jpg" for s in range(9) for c in "ABCDEF" for n in range(9)]
    assert len(set(picture_names(paths).values())) == len(paths)
