"""tools/check_data.py: report, picture, status, and how it is interrupted."""

import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.synthetic import Settings, generate


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check_data") / "data"
    generate(Settings(2, 1, 1, image_size=(64, 36)), root)
    create_nuscenes_infos(root, "v1.0-mini")
    # Of the stock tool, which is no info file.
    (root / "nuscenes_dbinfos_train.pkl").write_bytes(pickle.dumps({}))
    return root


@pytest.fixture
def run(import_tool, monkeypatch, capsys, tmp_path):
    """Run the tool in an empty folder; what it prints, and its status and last line where not 0."""
    monkeypatch.chdir(tmp_path)

    def check(*arguments: object) -> tuple[str, object, str]:
        monkeypatch.setattr("sys.argv", ["check_data", *map(str, arguments)])
        status = 0
        try:
            import_tool("check_data").main()
        except SystemExit as end:
            status = end.code
        out, err = capsys.readouterr()
        return out, status, err.splitlines()[-1]

    return check


def test_dataroot(run, data):
    out, status, _ = run(data)
    assert status == 0 and out.count("nothing is wrong.") == 2
    assert f"{data}/nuscenes_infos_train.pkl: nuscenes, 1 frames, 6 images" in out
    with Image.open("work_dirs/check_data/check_data.png") as picture:
        assert picture.width == 1600


def test_fault_is_told_after_report_and_picture(run, data, tmp_path):
    root = tmp_path / "broken"
    shutil.copytree(data, root)
    lost = min(root.glob("samples/CAM_FRONT/*.jpg"))
    lost.unlink()
    out, status, last = run(root, "--out", "out", "--workers", 1)
    assert status == 2 and "wrong: images that are missing" in out
    assert last.startswith("error: ") and str(lost) in last and last.endswith("with --root.")
    assert Path("out/check_data.png").is_file()


def test_info_file_apart_from_its_data(run, data, tmp_path):
    apart = tmp_path / "apart.pkl"
    shutil.copy(data / "nuscenes_infos_val.pkl", apart)
    _, status, last = run(apart)
    assert status == 2 and "images that are missing (6, such as" in last
    assert run(apart, "--root", data)[1] == 0


def test_own_data(run, run_script, repo_root, tmp_path):
    example = repo_root / "examples/custom_data"
    for script in ("make_toy_data", "convert"):
        assert run_script(tmp_path, example / f"{script}.py", "yard").returncode == 0
    out, status, _ = run("yard")
    assert status == 0 and "forklift" in out and "velocity unknown" in out
    assert "nothing is wrong." in out


def test_real_keyframe(run, keyframe_root, tmp_path):
    create_nuscenes_infos(keyframe_root, "v1.0-mini", tmp_path / "infos")
    out, status, _ = run(tmp_path / "infos", "--root", keyframe_root)
    assert status == 0 and "85 boxes" in out and "nothing is wrong." in out


def test_interruption(data, repo_root, tmp_path):
    # Reading a pipe waits for ever.
    pipe = tmp_path / "infos_train.pkl"
    shutil.copy(data / "nuscenes_infos_train.pkl", pipe)
    root = tmp_path / "root"
    shutil.copytree(data, root)
    image = min(root.glob("samples/CAM_FRONT/*.jpg"))
    image.unlink()
    subprocess.run(["mkfifo", image], check=True)
    command = [sys.executable, repo_root / "tools/check_data.py", pipe, "--root", root]
    log = tmp_path / "log"
    with log.open("w") as file, subprocess.Popen(command, cwd=tmp_path, stderr=file) as process:
        try:
            while "images: " not in log.read_text() and process.poll() is None:
                time.sleep(0.2)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
        finally:
            process.kill()
    assert status == 130
    assert "interrupted: the picture is not drawn; run the same command again." in log.read_text()
    assert not (tmp_path / "work_dirs").exists()
