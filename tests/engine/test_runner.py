"""Resuming, scaling and saving as a training of days needs it."""

import logging
import math
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from epropnp_det.engine.checkpoint import check_checkpoint
from epropnp_det.errors import UserError

COSINE = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=3),
    dict(type="CosineAnnealingLR", by_epoch=True, begin=0, end=6, convert_to_iter_based=True),
]
STEPS = [dict(type="MultiStepLR", milestones=[2, 4], gamma=0.1)]


class Rates(Hook):
    """Notes the learning rate of every step."""

    def __init__(self) -> None:
        self.rates = {}

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        self.rates[runner.iter] = runner.optim_wrapper.param_groups[0]["lr"]


@pytest.fixture
def rates(toy_runner):
    """Train with overrides and give the rates, by step."""

    def train(options: dict, resume: bool = False) -> dict[int, float]:
        runner, hook = toy_runner(options, resume), Rates()
        runner.register_hook(hook)
        runner.train()
        return hook.rates

    return train


@pytest.mark.parametrize("schedule", [COSINE, STEPS])
def test_lengthened_training_has_the_rates_of_one_go(rates, tmp_path, schedule):
    longer = {"train_cfg.max_epochs": 6, "param_scheduler": schedule}
    whole = rates({**longer, "work_dir": str(tmp_path / "whole")})
    short = dict(schedule[-1], **({"end": 2} if "end" in schedule[-1] else {}))
    rates({"train_cfg.max_epochs": 2, "param_scheduler": [*schedule[:-1], short]})
    resumed = rates(longer, resume=True)
    assert min(resumed) == 8
    for step, rate in resumed.items():
        assert rate == pytest.approx(whole[step], rel=1e-9), step


def test_schedule_of_several_optimizer_groups(rates, tmp_path):
    groups = {
        "optim_wrapper.paramwise_cfg": dict(custom_keys={"bias": dict(lr_mult=0.1)}),
        "param_scheduler": COSINE,
        "train_cfg.max_epochs": 4,
    }
    whole = rates({**groups, "work_dir": str(tmp_path / "whole")})
    rates({**groups, "train_cfg.max_epochs": 1})
    resumed = rates(groups, resume=True)
    assert resumed[10] == pytest.approx(whole[10], rel=1e-9)


def test_changed_rate_counts(rates):
    rates({"train_cfg.max_epochs": 1})
    resumed = rates({"optim_wrapper.optimizer.lr": 0.01}, resume=True)
    assert resumed[4] == pytest.approx(0.01) and resumed[8] == pytest.approx(0.001)


def test_changed_decay_counts_and_momenta_stay(toy_runner):
    toy_runner({"train_cfg.max_epochs": 1}).train()
    runner = toy_runner(
        {"optim_wrapper.optimizer.weight_decay": 0.5, "train_cfg.max_epochs": 1}, True
    )
    runner.train()
    (group,) = runner.optim_wrapper.optimizer.param_groups
    assert group["weight_decay"] == 0.5
    (state, *_) = runner.optim_wrapper.optimizer.state.values()
    assert state["momentum_buffer"].abs().sum() > 0


def test_other_batch_size_counts_its_own_iterations(toy_runner):
    toy_runner({"train_cfg.max_epochs": 2}).train()
    runner = toy_runner({"train_dataloader.batch_size": 1}, resume=True)
    runner.train()
    assert runner.iter == runner.max_iters == 24
    saved = check_checkpoint(Path(runner.work_dir, "epoch_3.pth"))
    assert saved["meta"]["iter"] == 24


def test_moved_folder(toy_runner, tmp_path):
    toy_runner({"train_cfg.max_epochs": 1}).train()
    shutil.move(tmp_path / "work", tmp_path / "elsewhere")
    runner = toy_runner({"work_dir": str(tmp_path / "elsewhere")}, resume=True)
    runner.train()
    assert runner.epoch == 3 and not (tmp_path / "work").exists()


def test_fewer_epochs_than_done(toy_runner):
    toy_runner().train()
    with pytest.raises(
        UserError, match="has 3 epochs and the config asks for 2: set train_cfg.max"
    ):
        toy_runner({"train_cfg.max_epochs": 2}, resume=True).train()


def test_as_many_epochs_as_done(toy_runner, caplog):
    toy_runner().train()
    runner = toy_runner(resume=True)
    with caplog.at_level(logging.INFO):
        messages = _listen(runner)
        runner.train()
    assert any("Nothing is left to train" in message for message in messages)


def test_another_optimizer_is_refused(toy_runner):
    toy_runner({"train_cfg.max_epochs": 1}).train()
    adam = {"optim_wrapper.optimizer": dict(_delete_=True, type="AdamW", lr=1e-3)}
    with pytest.raises(UserError, match="of another kind.*load_from="):
        toy_runner(adam, resume=True).train()


def test_schedule_that_ends_early_is_said(toy_runner):
    early = [dict(type="CosineAnnealingLR", by_epoch=True, begin=0, end=2)]
    runner = toy_runner({"param_scheduler": early, "train_cfg.max_epochs": 4})
    messages = _listen(runner)
    runner.train()
    assert any("The schedule ends after 8 of 16 iterations (epoch 2)" in m for m in messages)


def test_schedule_that_waits_for_scores_starts_anew(toy_runner):
    schedule = {"param_scheduler": [dict(type="ReduceOnPlateauLR", monitor="toy/error")]}
    toy_runner({**schedule, "train_cfg.max_epochs": 1}).train()
    runner = toy_runner({**schedule, "optim_wrapper.optimizer.lr": 0.02}, resume=True)
    messages = _listen(runner)
    runner.train()
    assert any("starts anew" in m and "its rate of 0.02" in m for m in messages)


@pytest.mark.parametrize(("counts", "factor"), [(1, 2 / 12), (4, 8 / 12)])
def test_accumulated_images_scale_the_rate(toy_runner, counts, factor):
    runner = toy_runner(
        {
            "auto_scale_lr": dict(enable=True, base_batch_size=12),
            "optim_wrapper.accumulative_counts": counts,
            "train_cfg.max_epochs": 1,
        }
    )
    runner.train()
    (group,) = runner.optim_wrapper.optimizer.param_groups
    assert group["initial_lr"] == pytest.approx(0.05 * factor)


def test_interrupted_write_leaves_no_half_file(toy_runner, monkeypatch):
    toy_runner({"train_cfg.max_epochs": 1}).train()
    runner = toy_runner({"train_cfg.max_epochs": 2}, resume=True)

    def half(checkpoint: dict, path: str, **kwargs) -> None:
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("mmengine.runner.runner.save_checkpoint", half)
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    files = sorted(path.name for path in Path(runner.work_dir).glob("*.pth"))
    assert files == ["epoch_1.pth"] and not list(Path(runner.work_dir).glob(".*.pth"))


def test_interrupted_between_checkpoint_and_validation(toy_runner, monkeypatch):
    runner = toy_runner({"train_cfg.val_interval": 2})
    monkeypatch.setattr(runner.val_loop, "run", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert not Path(runner.work_dir, "last_validation").exists()
    again = toy_runner({"train_cfg.val_interval": 2}, resume=True)
    validated, run = [], again.val_loop.run
    monkeypatch.setattr(again.val_loop, "run", lambda: (validated.append(again.epoch), run()))
    again.train()
    assert validated == [2, 3]
    assert Path(again.work_dir, "last_validation").read_text() == "3"


def test_validated_epoch_is_not_validated_again(toy_runner, monkeypatch):
    toy_runner({"train_cfg.max_epochs": 2}).train()
    again = toy_runner(resume=True)
    validated, run = [], again.val_loop.run
    monkeypatch.setattr(again.val_loop, "run", lambda: (validated.append(again.epoch), run()))
    again.train()
    assert validated == [3]


@pytest.mark.parametrize(
    ("option", "said"),
    [("max_epochs", "no training step: give train_cfg.max_epochs"), ("val_interval", "at least 1")],
)
def test_training_of_nothing(toy_runner, option, said):
    with pytest.raises(UserError, match=said):
        toy_runner({f"train_cfg.{option}": 0}).train()


@pytest.mark.parametrize("resume", [False, True])
def test_remote_checkpoint_is_not_unpickled(toy_runner, resume):
    runner = toy_runner({"load_from": "https://host/a.pth"}, resume)
    with pytest.raises(UserError, match="https://host/a.pth is not on this machine"):
        runner.train()


def test_console_is_short_and_the_file_whole(toy_runner, capsys):
    runner = toy_runner({"train_cfg.max_epochs": 1})
    runner.train()
    printed = capsys.readouterr().out
    before = printed[: printed.index("Epoch(train) [1][1/4]")].splitlines()
    assert len(before) < 6
    (log,) = Path(runner.work_dir).glob("*/*.log")
    assert log.name in printed
    for words in ("System environment", "Config:", "Hooks will be executed"):
        assert words in log.read_text() and words not in printed


def test_rate_is_finite_at_the_end(rates):
    assert all(map(math.isfinite, rates({"param_scheduler": COSINE}).values()))


def test_test_in_the_folder_of_a_training_leaves_its_config(toy_runner):
    trained = toy_runner({"train_cfg.max_epochs": 1})
    trained.train()
    written = Path(trained.work_dir, "toy_config.py")
    before = written.read_text()
    toy_runner({"load_from": str(Path(trained.work_dir, "epoch_1.pth"))}).test()
    assert written.read_text() == before


def test_test_does_not_resume(toy_runner):
    toy_runner({"train_cfg.max_epochs": 1}).train()
    load_from = str(Path(toy_runner().work_dir, "epoch_1.pth"))
    assert "toy/error" in toy_runner({"load_from": load_from}, resume=True).test()


def test_iterations_are_no_epochs(toy_runner):
    loop = {"train_cfg": dict(_delete_=True, by_epoch=False, max_iters=2, val_interval=2)}
    counted = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 2}
    toy_runner({**loop, **counted}).train()
    with pytest.raises(UserError, match="counts iterations, and this config's counts epochs"):
        toy_runner(resume=True).train()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train_cfg.max_epochs": 2.5}, "train_cfg or train_dataloader .* integer"),
        ({"train_cfg.val_interval": 0}, "train_cfg.val_interval is 0"),
        ({"train_dataloader.batch_size": 0}, "the batch_size of a data loader is 0"),
        ({"optim_wrapper.optimizer.lr": -1.0}, "optim_wrapper .* Invalid learning rate"),
        ({"optim_wrapper.accumulative_counts": 0}, "optim_wrapper .* at least"),
        (
            {"param_scheduler": [dict(type="LinearLR", begin=2, end=1)]},
            "param_scheduler .* end should",
        ),
        ({"default_hooks.checkpoint.save_best": 3}, "save_best is 3"),
        ({"default_hooks.checkpoint.save_best": "toy/error"}, "which way toy/error is better"),
    ],
)
def test_settings_that_mmengine_refuses(toy_runner, options, said):
    with pytest.raises(UserError, match=said):
        toy_runner(options).train()


def test_weights_continue(toy_runner):
    toy_runner({"train_cfg.max_epochs": 1}).train()
    before = torch.load(Path(toy_runner().work_dir, "epoch_1.pth"), weights_only=True)["state_dict"]
    runner = toy_runner({"train_cfg.max_epochs": 1}, resume=True)
    runner.train()
    torch.testing.assert_close(runner.model.state_dict()["linear.weight"], before["linear.weight"])


def test_averaged_weights_are_validated_saved_and_resumed(toy_runner):
    hook = {"custom_hooks": [dict(type="EMAHook", momentum=0.5, update_buffers=True)]}
    toy_runner({**hook, "train_cfg.max_epochs": 2}).train()
    whole = toy_runner({**hook, "work_dir": toy_runner().work_dir + "_whole"})
    whole.train()
    resumed = toy_runner(hook, resume=True)
    resumed.train()
    first, second = (check_checkpoint(Path(r.work_dir, "epoch_3.pth")) for r in (whole, resumed))
    assert not torch.equal(
        first["state_dict"]["linear.weight"], whole.model.state_dict()["linear.weight"]
    )
    for key in ("state_dict", "ema_state_dict"):
        torch.testing.assert_close(first[key], second[key])


def _listen(runner) -> list[str]:
    """Messages that the runner's logger gets from now on."""
    messages = []
    runner.logger.addFilter(lambda record: messages.append(record.getMessage()) or True)
    return messages


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_weights_that_do_not_fit_are_said_on_the_console(toy_runner, tmp_path, capsys):
    """By mmengine, in a script that does not look at them beforehand as our tools do."""
    torch.save({"state_dict": {"other.weight": torch.ones(1)}}, tmp_path / "other.pth")
    toy_runner({"load_from": str(tmp_path / "other.pth")}).test()
    assert "do not match exactly" in capsys.readouterr().out
