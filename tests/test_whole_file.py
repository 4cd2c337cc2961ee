import os

import pytest

from epropnp_det.whole_file import whole_file


def test_the_file_appears_whole(tmp_path):
    path = tmp_path / "new" / "a.json"
    with whole_file(path) as draft:
        draft.write_text("content")
        assert not path.exists() and draft.suffix == ".json"
    assert path.read_text() == "content" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("written", [True, False])
def test_what_was_there_stays_when_writing_fails(tmp_path, written):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as draft:
        if written:
            draft.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError) as error, whole_file(tmp_path / "a.json"):
        os.write(os.open("/dev/full", os.O_WRONLY), b"content")
    assert error.value.filename == str(tmp_path / "a.json")
