import os

import cv2
import numpy as np
import pytest

from epropnp_det.errors import UserError
from epropnp_det.synthetic.output import MANIFEST, begin, encode, is_begun, run, write


def test_a_folder_is_begun_once(tmp_path):
    settings = {"dataset": "mine", "size": [1, 2]}
    root = tmp_path / "a" / "data"
    assert not is_begun(root, settings)
    begin(root, settings, "read this")
    assert is_begun(root, settings)
    assert (root / "README.md").read_text() == "read this"


def test_other_folders_are_refused(tmp_path):
    begin(tmp_path / "other", {"seed": 1}, "")
    with pytest.raises(UserError, match="other holds a dataset of other settings"):
        is_begun(tmp_path / "other", {"seed": 2})
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / MANIFEST).write_text('{"seed":')
    with pytest.raises(UserError, match=r"synthetic\.json is not valid JSON"):
        is_begun(tmp_path / "broken", {})
    with pytest.raises(UserError, match="not empty"):
        is_begun(tmp_path, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to .*file.*: name another folder"):
        begin(tmp_path / "file", {}, "")


def test_pieces_in_order_in_one_process_and_in_two():
    # A function that a process has without importing anything.
    assert list(run(abs, [-3, 1, -2], 1)) == list(run(abs, [-3, 1, -2], 2)) == [3, 1, 2]
    assert list(run(abs, [], 2)) == []


def test_a_killed_worker_is_told():
    with pytest.raises(UserError, match="a worker was killed"):
        list(run(os._exit, [1], 2))


def test_files_and_images(tmp_path):
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    write(tmp_path / "a" / "b.png", encode(".png", image))
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a" / "b.png")), image)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.png"]
