"""The best checkpoint, by a score named as people name it."""

import math
from pathlib import Path

import pytest

from epropnp_det.engine.checkpoint import check_checkpoint
from epropnp_det.errors import UserError

HOOK = "default_hooks.checkpoint"
METRIC = "NuScenes metric/NuScenes"


@pytest.fixture
def train(toy_runner):
    """Train with scripted scores and give the names of the best files."""

    def run(scores: list[float], resume: bool = False, **hook) -> list[str]:
        options = {f"{HOOK}.{key}": value for key, value in hook.items()}
        evaluator = dict(_delete_=True, type="ScriptedMetric", nds=scores)
        runner = toy_runner({"val_evaluator": evaluator, **options}, resume)
        runner.train()
        return sorted(path.name for path in Path(runner.work_dir).glob("best_*"))

    return run


@pytest.mark.parametrize(
    "name",
    ["NDS", "auto", "nds", f"{METRIC}/NDS", f"{METRIC}/NDS".replace(" ", ""), "NuScenes/NDS"],
)
def test_names_of_the_main_score(train, name):
    assert train([0.1, 0.3, 0.2], save_best=name) == ["best_NDS_epoch_2.pth"]


def test_rule_that_agrees(train):
    assert train([0.1, 0.3, 0.2], save_best="NDS", rule="greater") == ["best_NDS_epoch_2.pth"]


def test_rule_that_disagrees(train):
    with pytest.raises(UserError, match="'less', but of NDS greater is better"):
        train([0.1, 0.3, 0.2], save_best="NDS", rule="less")


def test_errors_are_better_when_lower(train):
    assert train([0.1, 0.3, 0.2], save_best="mATE") == ["best_mATE_epoch_2.pth"]


def test_several_scores(train):
    best = train([0.1, 0.3, 0.2], save_best=["mAP", "NDS"])
    assert best == ["best_NDS_epoch_2.pth", "best_mAP_epoch_2.pth"]


def test_unknown_score_before_the_first_step(train, tmp_path):
    with pytest.raises(UserError, match="no score 'NSD'.*NDS.*auto"):
        train([0.1, 0.3, 0.2], save_best="NSD")
    assert not list((tmp_path / "work").glob("*.pth"))


def test_nan_is_never_best(train):
    assert train([math.nan, 0.1, math.nan], save_best="NDS") == ["best_NDS_epoch_2.pth"]


def test_without_validation(toy_runner):
    options = {"val_dataloader": None, "val_cfg": None, "val_evaluator": None}
    with pytest.raises(UserError, match="save_best needs a validation"):
        toy_runner({**options, f"{HOOK}.save_best": "NDS"}).train()


def test_validation_that_never_comes(toy_runner):
    options = {"train_cfg.val_begin": 9, f"{HOOK}.save_best": "NDS"}
    with pytest.raises(UserError, match="the first would be after 9 of 3: lower train_cfg.val_be"):
        toy_runner(options).train()


def test_other_metrics_as_in_the_stock_hook(toy_runner):
    options = {f"{HOOK}.save_best": "toy/error", f"{HOOK}.rule": "less"}
    runner = toy_runner(options)
    runner.train()
    (best,) = Path(runner.work_dir).glob("best_*")
    assert best.name.startswith("best_toy_error_epoch_")


@pytest.mark.parametrize(
    ("later", "best"), [(0.2, "best_NDS_epoch_1.pth"), (0.9, "best_NDS_epoch_2.pth")]
)
def test_one_best_file_after_a_kill_and_resume(
    train, toy_runner, tmp_path, monkeypatch, later, best
):
    """Killed after the best is written and before the checkpoint that knows of it."""
    calls = []

    def save(self, *args, **kwargs):
        calls.append(args[1] if len(args) > 1 else kwargs["filename"])
        if calls == ["epoch_1.pth", "best_NDS_epoch_1.pth", "epoch_1.pth"]:
            raise KeyboardInterrupt
        stock(self, *args, **kwargs)

    from epropnp_det.engine import EProPnPRunner

    stock = EProPnPRunner.save_checkpoint
    monkeypatch.setattr(EProPnPRunner, "save_checkpoint", save)
    with pytest.raises(KeyboardInterrupt):
        train([0.5], save_best="NDS")
    monkeypatch.undo()
    # The validation of epoch 1 was cut short, and comes again.
    scores = [0.5, later, 0.1]
    assert train(scores, resume=True, save_best="NDS") == [best]
    info = check_checkpoint(tmp_path / "work" / best)["message_hub"]["runtime_info"]
    assert info["best_score"] == max(scores)


def test_another_score_after_resuming_is_not_compared_with_the_first(train, toy_runner, tmp_path):
    evaluator = dict(_delete_=True, type="ScriptedMetric", nds=[0.8])
    first = {"val_evaluator": evaluator, "train_cfg.max_epochs": 1, f"{HOOK}.save_best": "NDS"}
    toy_runner(first).train()
    best = train([0.6, 0.2], resume=True, save_best="mAP")
    assert best == ["best_NDS_epoch_1.pth", "best_mAP_epoch_2.pth"]
