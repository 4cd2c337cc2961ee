"""Wrong input to the tools ends in one sentence and status 2, without a traceback."""

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from toy_task import TOY_CONFIG


@pytest.fixture
def fails(repo_root, tmp_path, monkeypatch, capsys) -> Callable[..., str]:
    """Run a tool's main in this process and return the sentence that it ends with."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *arguments: object) -> str:
        tool = import_tool(repo_root / "tools" / f"{name}.py")
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            tool.main()
        assert stop.value.code == 2
        sentences = [s for s in capsys.readouterr().err.splitlines() if s.startswith("error: ")]
        assert len(sentences) == 1
        return sentences[0]

    return run


def import_tool(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tool_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    said = fails("test", TOY_CONFIG, "absent.pth", option)
    assert option.split("=")[0] in said


def test_test_with_wrong_checkpoints(fails, toy_training):
    assert "absent.pth" in fails("test", TOY_CONFIG, "absent.pth")
    whole = toy_training / "epoch_3.pth"
    shutil.copy(whole, "broken.pth")
    with open("broken.pth", "r+b") as file:
        file.truncate(whole.stat().st_size // 2)
    assert "broken.pth is broken" in fails("test", TOY_CONFIG, "broken.pth")
    torch.save({"state_dict": {"other.weight": torch.zeros(1)}}, "other.pth")
    assert "linear.weight" in fails("test", TOY_CONFIG, "other.pth")


def test_defects_keep_their_traceback(repo_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tool = import_tool(repo_root / "tools/train.py")
    options = ["model.channels=4", "default_hooks.logger.interval=2"]
    monkeypatch.setattr("sys.argv", ["train", str(TOY_CONFIG), "--cfg-options", *options])
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        tool.main()
