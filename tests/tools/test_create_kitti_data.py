"""tools/create_data.py kitti."""

from kitti_layout import write_kitti


def test_info_files_of_each_list(import_tool, monkeypatch, tmp_path, capsys):
    root = write_kitti(tmp_path / "kitti", 2, 1)
    arguments = ["kitti", "--root", str(root), "--out-dir", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["create_data", *arguments])
    import_tool("create_data").main()
    said = capsys.readouterr().out.splitlines()
    assert f"2 images -> {tmp_path / 'out' / 'kitti_infos_train.pkl'}" in said
    assert f"1 images -> {tmp_path / 'out' / 'kitti_infos_val.pkl'}" in said


def test_wrong_folder(fails, tmp_path):
    said = fails("create_data", "kitti", "--root", str(tmp_path / "absent"))
    assert str(tmp_path / "absent") in said
