"""Result files against the tiny data set."""

import json

import cv2
import numpy as np
import pytest

from epropnp_det.errors import UserError
from epropnp_det.evaluation.bop import Estimates, Protocol, evaluate_file, write_estimates
from epropnp_det.evaluation.bop.error_table import read_depth

WIDTH, HEIGHT = 80, 60


def score(path, root, estimates: Estimates, **options):
    write_estimates(path / "ours_box-test.csv", estimates)
    return evaluate_file(path / "ours_box-test.csv", root, **options)


def test_the_truth_is_perfect(bop_root, tmp_path, estimates):
    scores = score(tmp_path, bop_root, estimates, protocol=Protocol(adi=True, vsd=True))
    assert scores.obj_ids == (1, 7) and scores.counts.tolist() == [1, 3]
    assert min(scores.flat().values()) == pytest.approx(1)
    assert "AR" in scores.overall


def test_half_a_turn_is_right_where_it_is_a_symmetry(bop_root, tmp_path, estimates):
    estimates.poses.rotation[:] = estimates.poses.rotation @ np.diag([-1.0, -1, 1])
    found = score(tmp_path, bop_root, estimates).flat()
    names = ("ADD_0.02d", "AR_MSSD", "AR_MSPD", "5deg_5cm", "proj_5px")
    assert [found[f"1/{name}"] for name in names] == [1] * 5
    # The corners of a cube are its corners after half a turn, but another one each.
    assert [found[f"7/{name}"] for name in names[:2]] == [0, 0]
    listed = score(tmp_path, bop_root, estimates, symmetric=[7]).flat()
    assert (listed["7/ADD_0.02d"], listed["1/ADD_0.02d"]) == (1, 0)


def test_displaced_poses(bop_root, tmp_path, perfect):
    """By 9 mm: 0.104 diameters of the cube, 0.084 of the box."""
    found = score(tmp_path, bop_root, perfect((9, 0, 0)), symmetric=[]).flat()
    assert (found["1/ADD_0.1d"], found["1/ADD_0.05d"]) == (1, 0)
    assert found["7/ADD_0.1d"] == 0
    assert found["7/AUC_ADD"] == pytest.approx(0.91)
    assert found["7/AR_MSSD"] == pytest.approx(0.8)
    assert found["5deg_5cm"] == found["2deg_2cm"] == 1
    # 9 mm at 500 to 700 mm are at least 1.3 pixels, of an image 80 wide, for BOP 8 times as many.
    assert found["proj_5px"] == 1 and found["7/AR_MSPD"] < 0.8


def test_missing_estimates(bop_root, tmp_path, estimates):
    """Of the cube one of three, and one of no image that is asked for."""
    none = estimates.score < 0
    kept = none | (estimates.obj_id == 1) | (estimates.im_id == 0)
    names = ("scene_id", "im_id", "obj_id", "score")
    columns = (getattr(estimates, name)[kept] for name in names)
    few = Estimates(*columns, estimates.poses[kept], estimates.time[kept])
    found = score(tmp_path, bop_root, few).flat()
    assert found["1/ADD_0.1d"] == 1 and found["7/ADD_0.1d"] == pytest.approx(1 / 3)
    assert found["AR_MSSD"] == pytest.approx(2 / 4)


def test_nothing_was_estimated(bop_root, tmp_path):
    (tmp_path / "none.csv").write_text("scene_id,im_id,obj_id,score,R,t,time\n")
    for options in ({}, dict(protocol=Protocol(vsd=True, adi=True))):
        scores = evaluate_file(tmp_path / "none.csv", bop_root, **options)
        assert set(scores.flat().values()) == {0.0}


def test_targets_and_choices(own_root, tmp_path, estimates):
    rows = [dict(scene_id=2, im_id=4, obj_id=7, inst_count=1)]
    (own_root / "targets.json").write_text(json.dumps(rows))
    scores = score(tmp_path, own_root, estimates, targets="targets.json")
    # Its best-scored estimate is of the other cube, which is less visible.
    assert scores.obj_ids == (7,) and scores.overall["ADD_0.1d"] == 0
    scores = score(tmp_path, own_root, estimates, objects=[1])
    assert scores.obj_ids == (1,)
    scores = score(tmp_path, own_root, estimates, images={2: [0]})
    assert scores.counts.tolist() == [1, 1]
    scores = score(tmp_path, own_root, estimates, exclude_images={2: [0]})
    assert scores.obj_ids == (7,) and scores.counts.tolist() == [2]


def test_measured_depth_hides(own_root, tmp_path, estimates):
    """A wall before the cube: of the true one nothing is visible, so that no pose can be right."""
    wall = np.full((HEIGHT, WIDTH), 2000, np.uint16)  # 200 mm
    cv2.imwrite(str(own_root / "test/000002/depth/000000.png"), wall)
    scores = score(tmp_path, own_root, estimates, protocol=Protocol(vsd=True))
    assert scores.flat()["1/AR_VSD"] == 0
    assert scores.flat()["7/AR_VSD"] == pytest.approx(2 / 3)


def test_vsd_of_a_cube_moved_ahead(own_root, tmp_path, perfect):
    """By 10 mm: off by as much, 0.115 diameters, where both are seen."""
    found = score(
        tmp_path, own_root, perfect((0, 0, 10)), images={2: [0]}, protocol=Protocol(vsd=True)
    ).flat()
    assert 0.5 < found["7/AR_VSD"] <= 0.8
    far = score(
        tmp_path, own_root, perfect((900, 0, 0)), images={2: [0]}, protocol=Protocol(vsd=True)
    ).flat()
    assert far["7/AR_VSD"] == 0


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("obj_id", 5, "has object 5, and .*models has only 1, 7: take the results of this data"),
        ("scene_id", 8, "has scene 8, which .*test has not: take the results of this split"),
        ("im_id", 3, "has image 3 of scene 2, which .*test has not"),
    ],
)
def test_strangers(bop_root, tmp_path, estimates, name, number, said):
    getattr(estimates, name)[0] = number
    with pytest.raises(UserError, match=said):
        score(tmp_path, bop_root, estimates)


def test_depth_images_that_are_not_right(own_root, tmp_path, estimates):
    path = own_root / "test/000002/depth/000000.png"
    for shape in ((HEIGHT, WIDTH, 3), (HEIGHT, WIDTH - 1)):
        cv2.imwrite(str(path), np.zeros(shape, np.uint8))
        with pytest.raises(UserError, match="has the shape .* one channel of 80 x 60 is asked for"):
            read_depth(path, 1.0, (WIDTH, HEIGHT))
    path.write_text("no image")
    with pytest.raises(UserError, match="cannot be read where one channel"):
        read_depth(path, 1.0, (WIDTH, HEIGHT))
    path.unlink()
    with pytest.raises(UserError, match="has no depth image 000000, which VSD needs"):
        score(tmp_path, own_root, estimates, protocol=Protocol(vsd=True))
