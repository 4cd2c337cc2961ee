"""BOP's result file: written, read, and what is wrong with it in a sentence."""

import numpy as np
import pytest

from epropnp_det.errors import UserError
from epropnp_det.evaluation.bop import Estimates, Poses, read_estimates, write_estimates

HEADER = "scene_id,im_id,obj_id,score,R,t,time"
EYE = "1 0 0 0 1 0 0 0 1"
LINE = f"1,2,3,0.5,{EYE},1.5 -2 500,0.25"


def written(tmp_path, *lines: str):
    path = tmp_path / "ours_lm-test.csv"
    path.write_text("\n".join(lines))
    return path


def test_what_is_written_is_read(tmp_path, estimates):
    path = tmp_path / "new/ours_lm-test.csv"
    write_estimates(path, estimates)
    assert path.read_text().splitlines()[0] == HEADER
    found = read_estimates(path)
    for name in ("scene_id", "im_id", "obj_id", "score", "time"):
        np.testing.assert_array_equal(getattr(found, name), getattr(estimates, name))
    np.testing.assert_array_equal(found.poses.rotation, estimates.poses.rotation)
    np.testing.assert_array_equal(found.poses.translation, estimates.poses.translation)


def test_a_line_as_bop_has_it(tmp_path):
    none = np.zeros(0, int)
    one = Estimates(
        np.array([1]),
        np.array([2]),
        np.array([3]),
        np.array([0.5]),
        Poses(np.eye(3)[None], np.array([[1.5, -2, 500]])),
        np.array([-1.0]),
    )
    path = tmp_path / "one.csv"
    write_estimates(path, one)
    line = "1,2,3,0.5,1.0 0.0 0.0 0.0 1.0 0.0 0.0 0.0 1.0,1.5 -2.0 500.0,-1.0"
    assert path.read_text() == f"{HEADER}\n{line}\n"
    empty = Estimates(none, none, none, none, Poses(np.zeros((0, 9)), np.zeros((0, 3))), none)
    write_estimates(path, empty)
    assert len(read_estimates(path)) == 0


@pytest.mark.parametrize(
    "lines",
    [
        (HEADER, LINE),
        (HEADER, LINE, ""),
        (LINE,),
        ("\ufeff" + HEADER, LINE),
        (HEADER + "\r", LINE + "\r"),
        (HEADER, f"1, 2, 3, 5e-1, {EYE}, 1.5  -2 500 , .25"),
        ("time,t,R,score,obj_id,im_id,scene_id,more", f"0.25,1.5 -2 500,{EYE},0.5,3,2,1,x"),
    ],
)
def test_forms_of_the_same_line(tmp_path, lines):
    found = read_estimates(written(tmp_path, *lines))
    assert (found.scene_id, found.im_id, found.obj_id) == (1, 2, 3)
    assert (found.score, found.time) == (0.5, 0.25)
    np.testing.assert_array_equal(found.poses.rotation, np.eye(3)[None])
    np.testing.assert_array_equal(found.poses.translation, [[1.5, -2, 500]])


def test_an_empty_file(tmp_path):
    assert len(read_estimates(written(tmp_path, ""))) == 0
    assert len(read_estimates(written(tmp_path, HEADER))) == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((HEADER.replace("score,", ""), LINE), "has no column score: its first line must be"),
        ((HEADER.replace("score", "scores"), LINE), r"column score \(did you mean 'scores'\?\)"),
        (("a,b,c", LINE), "has no column scene_id"),
        ((HEADER, LINE, "1,2,3,0.5"), "line 3 has 4 values where scene_id"),
        ((HEADER, LINE.replace(EYE, EYE[:-2])), "line 2: R has 8 numbers in place of 9"),
        ((HEADER, LINE.replace("1.5 ", "")), "line 2: t has 2 numbers in place of 3"),
        ((HEADER, LINE.replace("0.5", "0.5 1")), "line 2: score has 2 numbers in place of 1"),
        ((HEADER, LINE.replace("0.5", "high")), "line 2: score is 'high', of which not all is a"),
        ((HEADER, LINE.replace("-2", "nan")), "line 2: t is '1.5 nan 500'"),
        ((HEADER, "1.5" + LINE[1:]), "line 2: scene_id is 1.5: write a whole number"),
        ((HEADER, LINE, LINE.replace(EYE, "1 0 0 0 1 0 0 0 -1")), "line 3: R is no rotation"),
        ((HEADER, LINE.replace(EYE, "2 0 0 0 2 0 0 0 2")), "line 2: R is no rotation"),
        ((HEADER, LINE.replace("500", "0.5")), "farther than 0.5 mm .* in metres: write it in mil"),
    ],
)
def test_wrong_files(tmp_path, lines, said):
    with pytest.raises(UserError, match=said):
        read_estimates(written(tmp_path, *lines))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"absent.csv cannot be read \(No such file"):
        read_estimates(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_estimates(tmp_path)
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\xff\x00\xfe")
    with pytest.raises(UserError, match="cannot be read"):
        read_estimates(path)
