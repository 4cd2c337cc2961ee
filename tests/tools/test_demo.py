"""The demo as a whole, then mmdet3d's own scripts and two processes on the same data and config."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

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
    assert done.stdout.count("already done") == 5


def test_stock_scripts_run_our_config(run_here, stock_tools, repo_root):
    config = repo_root / CONFIG
    run_here(stock_tools / "train.py", config, "--work-dir", "stock", *QUICK)
    outputs = [
        run_here(tool, config, "stock/epoch_1.pth", "--work-dir", "tested", *QUICK).stdout
        for tool in (stock_tools / "test.py", repo_root / "tools/test.py")
    ]
    assert printed_nds(outputs[0]) == pytest.approx(printed_nds(outputs[1]), abs=1e-6)


def test_two_processes_train_and_test_like_one(run_here, folder, repo_root):
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    config = repo_root / CONFIG
    launch = ("--launcher", "pytorch", *QUICK)
    run_here(*torchrun, repo_root / "tools/train.py", config, "--work-dir", "two", *launch)
    test = (repo_root / "tools/test.py", config, "two/epoch_1.pth", "--work-dir", "two")
    # Low scores give the cameras something to merge, although one epoch teaches little.
    test = (*test, "--cfg-options", "model.test_cfg.score_thr=0.0", "model.test_cfg.max_per_img=20")
    written = []
    for processes in (torchrun, ()):
        launch = ("--launcher", "pytorch") if processes else ()
        prefix = f"test_evaluator.jsonfile_prefix=processes_{len(written)}"
        run_here(*processes, *test, prefix, *launch)
        written.append(Path(prefix.split("=")[1], "pred_instances_3d", "results_nusc.json"))
    two, one = (json.loads((folder / path).read_text())["results"] for path in written)
    assert any(one.values())
    assert two == one
