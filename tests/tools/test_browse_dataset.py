from pathlib import Path

import pytest

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.synthetic import Settings, generate


def test_split_of_a_root(import_tool, tmp_path, monkeypatch, capsys):
    generate(Settings(1, 1, 1, image_size=(64, 36)), tmp_path / "data")
    create_nuscenes_infos(tmp_path / "data", "v1.0-mini")
    arguments = [
        "--root",
        tmp_path / "data",
        "--split",
        "train",
        "--num",
        2,
        "--out",
        tmp_path / "out",
    ]
    monkeypatch.setattr("sys.argv", ["browse_dataset", *map(str, arguments)])
    import_tool("browse_dataset").main()
    assert "1 pictures drawn" in capsys.readouterr().out
    import_tool("browse_dataset").main()
    assert "0 pictures drawn" in capsys.readouterr().out
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.pkl", "--out", "out"], "info file absent.pkl does not exist"),
        (["--root", "absent", "--out", "out"], "dataroot absent does not exist"),
        (["--root", ".", "--split", "vall", "--out", "out"], "no info file of split vall"),
    ],
)
def test_wrong_input(fails, arguments, said):
    Path("samples").mkdir()
    assert said in fails("browse_dataset", *arguments)
