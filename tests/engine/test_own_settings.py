"""Settings of the runner and of our parts, refused with their dotted keys when a config is read."""

from pathlib import Path

import pytest

from epropnp_det.engine.config import load_config
from epropnp_det.errors import UserError
from epropnp_det.models.settings import TestSettings, TrainSettings

CONFIG = "configs/epropnp_det/epropnp-det_tiny_demo.py"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("randomness=None", "randomness is None: give a dict"),
        ("env_cfg=None", "env_cfg is None: give a dict"),
        ("log_level=None", "log_level is None: give a text"),
        ("custom_hooks=abc", "custom_hooks is 'abc': give a list (a dict each) or None"),
        ("default_scope=None", "default_scope is None: give a text"),
        ("train_dataloader.dataset.pipeline=None", "dataset.pipeline is None: give a list"),
        ("train_dataloader.dataset.min_visibility=abc", "min_visibility is 'abc': give a whole"),
        ("train_dataloader.dataset.ann_file=None", "dataset.ann_file is None: give a text"),
        ("val_evaluator.data_root=None", "val_evaluator.data_root is None: give a text"),
        ("val_evaluator.nms_thr=abc", "val_evaluator.nms_thr is 'abc': give a number or None"),
        ("model.bbox_head.num_classes=abc", "model.bbox_head.num_classes is 'abc': give a whole"),
        ("default_hooks.checkpoint.interval=abc", "checkpoint.interval is 'abc': give a whole"),
        ("train_dataloader.dataset.pipeline.2.rows=abc", "pipeline.2.rows is 'abc': give a whole"),
    ],
)
def test_wrong_type(repo_root: Path, option: str, said: str):
    with pytest.raises(UserError) as error:
        load_config(repo_root / CONFIG, [option])
    assert said in str(error.value)


def test_parts_of_wrapped_data_sets_and_classes_in_place_of_names(tmp_path: Path):
    config = tmp_path / "config.py"
    config.write_text(
        "from epropnp_det.datasets import NuScenesMonoDataset\n"
        "inner = dict(type=NuScenesMonoDataset, data_root='a', ann_file='b', use_valid_flag='no')\n"
        "train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[inner]))\n"
    )
    key = "train_dataloader.dataset.datasets.0.use_valid_flag"
    with pytest.raises(UserError, match=f"{key} is 'no': give True or False"):
        load_config(config)


def test_settings_of_others_are_theirs(tmp_path: Path):
    config = tmp_path / "config.py"
    config.write_text("work_dir = None\nmodel = dict(type='OfMyOwn', num_classes='many')\n")
    assert load_config(config).model.num_classes == "many"


@pytest.mark.parametrize("settings", [TrainSettings, TestSettings])
def test_numbers_of_things(settings: type):
    key = "train_cfg" if settings is TrainSettings else "test_cfg"
    with pytest.raises(UserError, match=f"{key}.solver_iters is 0: give at least 1"):
        settings(solver_iters=0)
    with pytest.raises(UserError, match=f"{key}.mc_samples is 'many': give a whole number"):
        settings(mc_samples="many")
    with pytest.raises(UserError, match=f"{key}.mc_samples is 129: give a positive multiple"):
        settings(mc_samples=129)
    with pytest.raises(UserError, match=f"{key}.mc_rounds is 0: give at least 1"):
        settings(mc_rounds=0)


def test_numbers_of_objects():
    with pytest.raises(UserError, match="train_cfg.samples_per_img is 0: give at least 1"):
        TrainSettings(samples_per_img=0)
    with pytest.raises(UserError, match="test_cfg.max_per_img is -1: give at least 1"):
        TestSettings(max_per_img=-1)
