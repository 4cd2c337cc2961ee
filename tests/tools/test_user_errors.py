"""Wrong input to the tools ends in one sentence and status 2, without a traceback."""

import shutil
from pathlib import Path

import pytest
import torch
from toy_task import TOY_CONFIG


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.py"], "absent.py"),
        ([TOY_CONFIG, "--cfg-options", "modle.channels=2"], "'model'"),
        ([TOY_CONFIG, "--cfg-options", "train_cfg.max_epoch=1"], "'max_epochs'"),
        ([TOY_CONFIG, "--cfg-options", "model.chanels=2"], "'channels'"),
        ([TOY_CONFIG, "--cfg-options", "model.type=ToyModle"], "'ToyModel'"),
        ([TOY_CONFIG, "--cfg-options", "val_evaluator.type=ToyMetrik"], "'ToyMetric'"),
        ([TOY_CONFIG, "--cfg-options", "optim_wrapper.optimizer.momentun=1"], "'momentum'"),
        (
            [TOY_CONFIG, "--cfg-options", "train_dataloader.dataset.data_root=/absent"],
            "train_dataloader.dataset.data_root",
        ),
        (
            [TOY_CONFIG, "--cfg-options", "train_dataloader.dataset.ann_file=absent.pkl"],
            "absent.pkl",
        ),
        ([TOY_CONFIG, "--cfg-options", "load_from=absent.pth"], "absent.pth"),
        ([TOY_CONFIG, "--cfg-options", "load_from=https://host/a.pth"], "download it"),
        ([TOY_CONFIG, "--resume", "absent.pth"], "absent.pth"),
        ([TOY_CONFIG, "--auto-scale-lr"], "base_batch_size"),
        ([TOY_CONFIG, "--launcher", "pytorch"], "torchrun"),
        ([TOY_CONFIG, "--launcher", "slurm"], "--launcher pytorch"),
    ],
)
def test_train(fails, arguments, said, monkeypatch):
    monkeypatch.setattr("epropnp_det.engine.launch.get_device", lambda: "cpu")
    assert said in fails("train", *arguments)


def test_train_amp_without_gpu(fails, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "--amp" in fails("train", TOY_CONFIG, "--amp")


def test_resume_needs_a_training_state(fails):
    torch.save({"state_dict": {}, "meta": {}}, "weights.pth")
    assert "load_from=weights.pth" in fails("train", TOY_CONFIG, "--resume", "weights.pth")


def test_resume_names_the_lost_checkpoint(fails):
    Path("work_dirs/toy_config").mkdir(parents=True)
    Path("work_dirs/toy_config/last_checkpoint").write_text("lost/epoch_1.pth")
    assert "lost/epoch_1.pth" in fails("train", TOY_CONFIG, "--resume")


def test_config_that_imports_an_absent_module(fails):
    Path("config.py").write_text("custom_imports = dict(imports=['absent_module'])")
    assert "absent_module" in fails("train", "config.py")


def test_config_that_is_no_python(fails):
    Path("config.py").write_text("model = dict(")
    assert "config.py" in fails("train", "config.py")


@pytest.mark.parametrize("option", ["--tta", "--show", "--show-dir=painted"])
def test_test_options_that_the_config_does_not_serve(fails, option):
    Path("weights.pth").touch()
    said = fails("test", TOY_CONFIG, "weights.pth", option)
    assert option.split("=")[0] in said


def test_window_without_a_display(fails, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "agg")
    options = ["default_hooks.visualization.type=NetworkInputVisualizationHook"]
    Path("weights.pth").touch()
    said = fails("test", TOY_CONFIG, "weights.pth", "--show", "--cfg-options", *options)
    assert "--show-dir in its place" in said


def test_test_with_wrong_checkpoints(fails, toy_training):
    assert "absent.pth does not exist" in fails("test", TOY_CONFIG, "absent.pth")
    assert "download it first" in fails("test", TOY_CONFIG, "https://host/weights.pth")
    whole = toy_training / "epoch_3.pth"
    shutil.copy(whole, "broken.pth")
    with open("broken.pth", "r+b") as file:
        file.truncate(whole.stat().st_size // 2)
    assert "broken.pth is broken" in fails("test", TOY_CONFIG, "broken.pth")
    torch.save({"state_dict": {"other.weight": torch.zeros(1)}}, "other.pth")
    assert "linear.weight" in fails("test", TOY_CONFIG, "other.pth")


def test_defects_keep_their_traceback(import_tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tool = import_tool("train")
    options = ["model.channels=4", "default_hooks.logger.interval=2"]
    monkeypatch.setattr("sys.argv", ["train", str(TOY_CONFIG), "--cfg-options", *options])
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        tool.main()
