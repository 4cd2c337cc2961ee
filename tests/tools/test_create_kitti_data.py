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


def test_what_is_left_out_is_said(import_tool, monkeypatch, tmp_path, capsys):
    root = write_kitti(tmp_path / "kitti", 2, 0)
    (root / "training/label_2/000000.txt").write_text("")
    label = root / "training/label_2/000001.txt"
    label.write_text(label.read_text().replace("Car ", "car ").replace("Van", "forklift"))
    monkeypatch.setattr("sys.argv", ["create_data", "kitti", "--root", str(root)])
    import_tool("create_data").main()
    said = capsys.readouterr().out
    assert "2 images -> " in said
    assert "read: 8 car as Car." in said and "left out: 1 forklift. It has Pedestrian" in said


def test_broken_label_is_one_sentence(fails, tmp_path):
    root = write_kitti(tmp_path / "kitti", 2, 0)
    with open(root / "training/label_2/000001.txt", "a") as file:
        file.write("Car 0 0 nan\n")
    said = fails("create_data", "kitti", "--root", root, "--out-dir", tmp_path / "out")
    assert f"{root}/training/label_2/000001.txt, line 27: 4 fields, not 15" in said
    assert not list(tmp_path.rglob("*.pkl"))


def test_wrong_folder(fails, tmp_path):
    said = fails("create_data", "kitti", "--root", str(tmp_path / "absent"))
    assert str(tmp_path / "absent") in said
