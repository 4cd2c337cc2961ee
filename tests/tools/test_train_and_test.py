"""tools/train.py and tools/test.py as processes, and mmdet3d's own scripts on the same config."""

import json
import re
import signal
from pathlib import Path

import pytest
import torch
from toy_task import TOY_CONFIG


def load(path: Path) -> dict:
    import epropnp_det.engine  # noqa: F401  (allows the message hub's contents)

    return torch.load(path, weights_only=True)


def last_error(work_dir: Path) -> float:
    """Last validation error that a run has logged."""
    scalars = sorted(work_dir.glob("*/vis_data/scalars.json"))[-1]
    lines = map(json.loads, scalars.read_text().splitlines())
    return [line["toy/error"] for line in lines if "toy/error" in line][-1]


def printed_error(output: str) -> float:
    return float(re.findall(r"toy/error: ([\d.]+)", output)[-1])


def assert_same_training(first: dict, second: dict, tolerance: float) -> None:
    close = {"rtol": tolerance, "atol": tolerance}
    for key in ("epoch", "iter"):
        assert first["meta"][key] == second["meta"][key]
    torch.testing.assert_close(first["state_dict"], second["state_dict"], **close)
    momenta = [c["optimizer"]["state"] for c in (first, second)]
    assert momenta[0].keys() == momenta[1].keys() and momenta[0]
    for key, state in momenta[0].items():
        torch.testing.assert_close(state, momenta[1][key], **close)


def test_killed_training_resumes_from_its_last_checkpoint(
    run_script, repo_root, toy_training, tmp_path
):
    command = [repo_root / "tools/train.py", TOY_CONFIG, "--work-dir", "work"]
    killed = run_script(tmp_path, *command, TOY_KILL_AT="10")
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "work/epoch_3.pth").exists()

    resumed = run_script(tmp_path, *command, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "Epoch(train) [3]" in resumed.stdout
    assert "Epoch(train) [2]" not in resumed.stdout
    whole = load(toy_training / "epoch_3.pth")
    again = load(tmp_path / "work/epoch_3.pth")
    assert_same_training(whole, again, tolerance=0)
    log = "train/loss"
    first, second = (c["message_hub"]["log_scalars"][log].data[0] for c in (whole, again))
    assert first.tolist() == second.tolist()


def test_config_of_a_resumed_training_trains_from_the_start(run_script, repo_root, tmp_path):
    train = (repo_root / "tools/train.py", TOY_CONFIG, "--work-dir", "work")
    assert run_script(tmp_path, *train, "--cfg-options", "train_cfg.max_epochs=1").returncode == 0
    assert run_script(tmp_path, *train, "--resume").returncode == 0
    written = (repo_root / "tools/train.py", "work/toy_config.py", "--work-dir", "fresh")
    done = run_script(tmp_path, *written)
    assert done.returncode == 0, done.stderr
    assert "Epoch(train) [1]" in done.stdout


def test_two_processes_train_like_one(run_fresh, repo_root, toy_training, tmp_path):
    options = ["train_dataloader.batch_size=1", "val_dataloader.batch_size=1"]
    done = run_fresh(
        tmp_path,
        *("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"),
        *(repo_root / "tools/train.py", TOY_CONFIG, "--work-dir", "work"),
        *("--launcher", "pytorch", "--cfg-options", *options),
        CUDA_VISIBLE_DEVICES="",
    )
    assert done.returncode == 0, done.stderr
    one, two = load(toy_training / "epoch_3.pth"), load(tmp_path / "work/epoch_3.pth")
    assert_same_training(one, two, tolerance=1e-5)
    assert last_error(tmp_path / "work") == pytest.approx(last_error(toy_training), abs=1e-4)


def test_stock_scripts_need_custom_imports_alone(
    run_script, stock_tools, repo_root, toy_training, tmp_path
):
    trained = run_script(tmp_path, stock_tools / "train.py", TOY_CONFIG, "--work-dir", "work")
    assert trained.returncode == 0, trained.stderr
    checkpoint = tmp_path / "work/epoch_3.pth"
    assert_same_training(load(toy_training / "epoch_3.pth"), load(checkpoint), tolerance=0)

    tested = [
        run_script(tmp_path, tool, TOY_CONFIG, checkpoint, "--work-dir", "tested")
        for tool in (stock_tools / "test.py", repo_root / "tools/test.py")
    ]
    for done in tested:
        assert done.returncode == 0, done.stderr
        assert printed_error(done.stdout) == pytest.approx(last_error(toy_training), abs=1e-4)


def test_accumulated_steps_scale_the_rate(run_script, repo_root, tmp_path):
    options = ["auto_scale_lr.base_batch_size=12", "optim_wrapper.accumulative_counts=4"]
    done = run_script(
        tmp_path,
        *(repo_root / "tools/train.py", TOY_CONFIG, "--work-dir", "work", "--auto-scale-lr"),
        *("--cfg-options", *options, "train_cfg.max_epochs=1"),
    )
    assert done.returncode == 0, done.stderr
    assert f"lr: {0.05 * 2 * 4 / 12:.4e}" in done.stdout
    assert "count steps, not updates" in done.stdout


def test_written_config_tests_the_checkpoint(run_script, repo_root, toy_training, tmp_path):
    written = toy_training / "toy_config.py"
    checkpoint = toy_training / "epoch_3.pth"
    done = run_script(tmp_path, repo_root / "tools/test.py", written, checkpoint)
    assert done.returncode == 0, done.stderr
    assert printed_error(done.stdout) == pytest.approx(last_error(toy_training), abs=1e-4)
