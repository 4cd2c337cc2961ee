"""The demo as a whole, then mmdet3d's own scripts and two processes on the same data and config."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import mmcv
import pytest
import torch

from epropnp_det.engine import check_checkpoint

CONFIG = "configs/epropnp_det/epropnp-det_tiny_demo.py"
QUICK = ("--cfg-options", "train_cfg.max_epochs=1", "randomness.seed=0")


@pytest.fixture(scope="module")
def demo_output(run_script, repo_root: Path, tmp_path_factory) -> tuple[Path, str]:
    """Folder and output of a short demo."""
    folder = tmp_path_factory.mktemp("demo")
    done = run_script(folder, repo_root / "tools/demo.py", "--quick")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def folder(demo_output, tmp_path) -> Path:
    """A fresh folder with the demo's data in place."""
    (tmp_path / "work_dirs/demo").mkdir(parents=True)
    (tmp_path / "work_dirs/demo/data").symlink_to(demo_output[0] / "work_dirs/demo/data")
    return tmp_path


@pytest.fixture
def run_here(run_script, folder) -> Callable[..., CompletedProcess]:
    """Run a script in that folder."""

    def run(*arguments: object) -> CompletedProcess:
        done = run_script(folder, *arguments, CUDA_VISIBLE_DEVICES="")
        assert done.returncode == 0, done.stderr
        return done

    return run


def printed_nds(output: str) -> float:
    return float(re.findall(r"_NuScenes/NDS: ([\d.]+)", output)[-1])


def test_demo_makes_what_it_says(demo_output):
    folder, output = demo_output
    places = dict(re.findall(r"^([a-z ]+?) +(\S*work_dirs/\S+)$", output, re.MULTILINE))
    for name in ("dataset", "checkpoint", "training log", "submission", "scores", "picture"):
        assert (folder / places[name]).exists(), name
    submission = json.loads((folder / places["submission"]).read_text())
    assert submission["meta"]["use_camera"] is True
    assert len(submission["results"]) == 1
    assert re.search(r"NDS \d\.\d+, mAP \d\.\d+", output)


def test_finished_demo_does_nothing_again(demo_output, run_script, repo_root):
    done = run_script(demo_output[0], repo_root / "tools/demo.py", "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("already done") == 7


def test_stock_scripts_run_our_config(run_here, folder, stock_tools, repo_root):
    config = repo_root / CONFIG
    paint = ("--show-dir", "painted", "--score-thr", "0")
    run_here(stock_tools / "train.py", config, "--work-dir", "stock", *QUICK)
    test = (config, "stock/epoch_1.pth", "--work-dir", "tested")
    options = (*QUICK, "model.test_cfg.score_thr=0.0", "model.test_cfg.max_per_img=20")
    outputs = [
        run_here(stock_tools / "test.py", *test, *options).stdout,
        run_here(repo_root / "tools/test.py", *test, *paint, *options).stdout,
    ]
    painted = {path.stem: mmcv.imread(path) for path in (folder / "painted").iterdir()}
    assert len([name for name in painted if re.fullmatch(r".*__\d+", name)]) == 6
    assert all(picture.shape[1] == 1600 for picture in painted.values())
    assert printed_nds(outputs[0]) == pytest.approx(printed_nds(outputs[1]), abs=1e-6)


def test_exported_file_is_tested_as_its_network(run_here, folder, repo_root, exported):
    """Of each image the same boxes count; see tests/deploy for what they are."""
    weights = repo_root / "checkpoints/epropnp-det_r18_synthetic.pth"
    written = []
    for model in (weights, exported):
        prefix = f"test_evaluator.jsonfile_prefix=of_{model.suffix[1:]}"
        options = ("--cfg-options", "model.test_cfg.max_per_img=64", prefix)
        done = run_here(repo_root / "tools/test.py", repo_root / CONFIG, model, *options)
        path = Path(prefix.split("=")[1], "pred_instances_3d", "results_nusc.json")
        (boxes,) = json.loads((folder / path).read_text())["results"].values()
        written.append((printed_nds(done.stdout), boxes))
    assert written[0][0] == pytest.approx(written[1][0], abs=1e-3)
    assert len(written[0][1]) == len(written[1][1]) > 20
    for key in ("detection_name", "attribute_name"):
        assert [box[key] for box in written[0][1]] == [box[key] for box in written[1][1]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tta"], "--tta is for networks, and "),
        (["--cfg-options", "test_dataloader.dataset.pipeline.1.rows=9"], "the config cuts 9"),
        (["--cfg-options", "test_dataloader.dataset.metainfo.classes=[car]"], "the config others"),
    ],
)
def test_exported_file_that_does_not_fit(fails, folder, repo_root, exported, options, said):
    assert said in fails("test", repo_root / CONFIG, exported, *options)


def test_two_processes_train_and_test_like_one(run_ranks, run_script, folder, repo_root):
    config = repo_root / CONFIG
    two = ("--launcher", "pytorch")
    train = (repo_root / "tools/train.py", config, "--work-dir", "two", *two, *QUICK)
    trained = run_ranks(folder, *train, CUDA_VISIBLE_DEVICES="")
    assert trained.returncode == 0, trained.stderr
    test = (repo_root / "tools/test.py", config, "two/epoch_1.pth", "--work-dir", "two")
    # Low scores give the cameras something to merge, although one epoch teaches little.
    test = (*test, "--cfg-options", "model.test_cfg.score_thr=0.0", "model.test_cfg.max_per_img=20")
    written = []
    for run, launcher in ((run_ranks, two), (run_script, ())):
        prefix = f"test_evaluator.jsonfile_prefix=processes_{len(written)}"
        done = run(folder, *test, prefix, *launcher, CUDA_VISIBLE_DEVICES="")
        assert done.returncode == 0, done.stderr
        written.append(Path(prefix.split("=")[1], "pred_instances_3d", "results_nusc.json"))
    two, one = (json.loads((folder / path).read_text())["results"] for path in written)
    assert any(one.values())
    assert two == one


@pytest.mark.parametrize(
    ("tool", "options", "said"),
    [
        ("test", ["test_evaluator.eval_set=nowhere"], "nowhere"),
        ("test", ["test_evaluator.ann_file=list.pkl"], "list.pkl"),
        ("train", ["train_dataloader.dataset.ann_file={folder}/list.pkl"], "list.pkl"),
        ("train", ["train_dataloader.dataset.pipeline.2.rows=999"], "error: CropTopRows"),
        ("train", ["model.train_cfg.samples_per_image=3"], "'samples_per_img'"),
        ("train", ["model.bbox_head.num_point=4"], "'num_points'"),
    ],
)
def test_user_errors(fails, folder, demo_output, repo_root, tool, options, said):
    (folder / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    weights = [demo_output[0] / "work_dirs/demo/train/epoch_1.pth"] if tool == "test" else []
    options = [option.format(folder=folder) for option in options]
    assert said in fails(tool, repo_root / CONFIG, *weights, "--cfg-options", *options)


def test_wrong_key_in_the_config_file(fails, folder, repo_root):
    written = f"_base_ = {str(repo_root / CONFIG)!r}\nmodel = dict(train_cfg=dict(mc_sample=8))\n"
    (folder / "config.py").write_text(written)
    said = fails("train", "config.py")
    assert "TrainSettings" in said and "'mc_samples'" in said


class Hostile:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("harm",)


def test_hostile_checkpoint(fails, folder, repo_root):
    torch.save({"state_dict": {}, "meta": Hostile()}, folder / "hostile.pth")
    assert "could run code" in fails("test", repo_root / CONFIG, "hostile.pth")
    assert "could run code" in fails("train", repo_root / CONFIG, "--resume", "hostile.pth")
    assert not (folder / "harm").exists()


def test_killed_training_goes_on(run_here, folder, repo_root):
    train = (repo_root / "tools/train.py", repo_root / CONFIG, "--work-dir", "work", "--resume")
    options = ("--cfg-options", "train_cfg.max_epochs=2", "default_hooks.logger.interval=1")
    variables = {"PYTHONPATH": str(repo_root), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen(
        [sys.executable, *map(str, train), *options],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not (folder / "work/last_checkpoint").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert (folder / "work/last_checkpoint").read_text().endswith("epoch_1.pth")

    output = run_here(*train, *options).stdout
    trained = re.findall(r"Epoch\(train\) +\[(\d)\]", output)
    assert [*dict.fromkeys(map(int, trained))] == [2]
    assert check_checkpoint(folder / "work/epoch_2.pth")["meta"]["iter"] == 2 * len(trained)
