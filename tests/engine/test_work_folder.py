"""The checkpoint to go on from."""

import pytest

from epropnp_det.engine.work_folder import latest_checkpoint
from epropnp_det.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for name in ("epoch_2.pth", "epoch_10.pth", "epoch_9.pth", "best_NDS_epoch_12.pth"):
        (tmp_path / name).touch()
    return tmp_path


def test_record_of_another_place(folder):
    (folder / "last_checkpoint").write_text("/old/place/epoch_9.pth")
    assert latest_checkpoint(folder) == folder / "epoch_9.pth"


@pytest.mark.parametrize("record", [None, "", "/old/place/epoch_11.pth"])
def test_without_a_useful_record_the_most_epochs(folder, record):
    if record is not None:
        (folder / "last_checkpoint").write_text(record)
    assert latest_checkpoint(folder) == folder / "epoch_10.pth"


def test_nothing_yet(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "absent") is None


def test_lost_checkpoint(tmp_path):
    (tmp_path / "last_checkpoint").write_text("lost/epoch_1.pth")
    with pytest.raises(UserError, match=r"names lost/epoch_1\.pth.*--resume FILE"):
        latest_checkpoint(tmp_path)
