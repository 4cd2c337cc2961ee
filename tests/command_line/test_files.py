"""Paths that are tried before the work."""

import os
from pathlib import Path

import pytest

from epropnp_det.command_line import (
    check_file,
    check_folder,
    check_output_file,
    check_output_folder,
)
from epropnp_det.errors import UserError


def test_files(tmp_path):
    (tmp_path / "a").touch()
    check_file(tmp_path / "a", "config")
    check_file("s3://bucket/a.pth", "checkpoint")
    with pytest.raises(UserError, match="config .*/b does not exist"):
        check_file(tmp_path / "b", "config")
    with pytest.raises(UserError, match="is a folder"):
        check_file(tmp_path, "config")


def test_folders(tmp_path):
    check_folder(tmp_path, "dataroot")
    (tmp_path / "a").touch()
    with pytest.raises(UserError, match="is a file"):
        check_folder(tmp_path / "a", "dataroot")
    with pytest.raises(UserError, match="does not exist"):
        check_folder(tmp_path / "b", "dataroot")


def test_a_trial_leaves_nothing(tmp_path):
    check_output_folder(tmp_path / "new/deep", "--out")
    check_output_file(tmp_path / "other/file.zip", "--out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "kept").mkdir()
    check_output_folder(tmp_path / "kept", "--out")
    assert (tmp_path / "kept").is_dir()


def test_below_a_file(tmp_path):
    (tmp_path / "a").touch()
    for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c"):
        with pytest.raises(UserError, match=r"cannot be written to .*--out"):
            check_output_folder(path, "--out")


@pytest.mark.skipif(os.getuid() == 0, reason="the superuser may write everywhere")
def test_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        check_output_folder(tmp_path / "new", "--out")


def test_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tempfile.TemporaryFile", lambda dir: os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb")
    )
    with pytest.raises(UserError, match="No space left"):
        check_output_folder(tmp_path / "new", "--out")
    assert not (tmp_path / "new").exists()


def test_what_is_no_ordinary_file(tmp_path):
    with pytest.raises(UserError, match="is no ordinary file"):
        check_output_file("/dev/null", "--out")
    with pytest.raises(UserError, match="is a folder"):
        check_output_file(tmp_path, "--out")
    assert Path("/dev/null").is_char_device()
