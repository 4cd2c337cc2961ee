"""Overrides and data paths of a config."""

import pytest
from mmengine.config import Config

from epropnp_det.engine.config import check_data, load_config
from epropnp_det.errors import UserError


@pytest.fixture
def config(tmp_path) -> str:
    path = tmp_path / "config.py"
    path.write_text(
        "model = dict(type='A', sizes=[1, 2], test_cfg=dict(score=0.5))\n"
        "loader = dict(batch_size=2, num_workers=0, clip_grad=dict(max_norm=1))\n"
        "pipeline = [dict(type='B', scale=1), dict(type='C')]\n"
    )
    return str(path)


@pytest.mark.parametrize(
    "options",
    [
        {"model.test_cfg.score": 0.1},
        {"model.added_argument": 1},
        {"pipeline.0.scale": 2},
        {"randomness.seed": 0},
        {"find_unused_parameters": True},
        {"loader.drop_last": True},
        {"loader.pin_memory": True},
        {"loader.num_batch_per_epoch": 5},
        {"loader.clip_grad.error_if_nonfinite": True},
        {"loader.hooks.visualization.type": "A"},
    ],
)
def test_override_that_exists_or_that_its_owner_can_refuse(config, options):
    cfg = load_config(config, options)
    ((key, value),) = options.items()
    if not key.startswith("pipeline"):
        for part in key.split("."):
            cfg = cfg[part]
        assert cfg == value
    else:
        assert cfg.pipeline[0].scale == value


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("modle.type", "'model'"),
        ("model.test_cfg.scor", "'score'"),
        ("loader.batchsize", "'batch_size'"),
        ("loader.clip_grad.max_nrom", "'max_norm'"),
        ("pipeline.2.scale", "list of 2 items"),
        ("pipeline.first", "list of 2 items"),
        ("model.test_cfg.score.low", "single value"),
        ("randomnes.seed", "'randomness'"),
    ],
)
def test_override_that_does_not_exist(config, key, said):
    with pytest.raises(UserError, match=said) as error:
        load_config(config, {key: 1})
    assert key in str(error.value)


def test_unset_environment_variable_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("TOY_DATA_ROOT", raising=False)
    path = tmp_path / "config.py"
    path.write_text("data_root = '{{$TOY_DATA_ROOT:}}'\n")
    with pytest.raises(UserError, match=r"config.py.*TOY_DATA_ROOT"):
        load_config(str(path))
    monkeypatch.setenv("TOY_DATA_ROOT", "somewhere")
    assert load_config(str(path)).data_root == "somewhere"


def test_data_of_wrapped_and_remote_datasets(tmp_path):
    (tmp_path / "info.pkl").touch()
    inner = {"type": "D", "data_root": str(tmp_path), "ann_file": "info.pkl"}
    remote = {"type": "D", "data_root": "s3://bucket", "ann_file": "info.pkl"}
    loader = {"dataset": {"type": "Concat", "datasets": [inner, remote]}}
    cfg = Config({"train_dataloader": loader, "val_dataloader": None})
    check_data(cfg, ["train_dataloader", "val_dataloader", "test_dataloader"])
    cfg.train_dataloader.dataset.datasets[0].ann_file = "other.pkl"
    with pytest.raises(UserError, match=r"other.pkl.*train_dataloader.dataset.datasets.0.ann_file"):
        check_data(cfg, ["train_dataloader"])
