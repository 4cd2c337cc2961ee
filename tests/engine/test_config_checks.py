"""Overrides and data paths of a config."""

import math
import pickle

import pytest
from mmengine.config import Config

from epropnp_det.engine.config import load_config, parse_options
from epropnp_det.engine.config_checks import check_classes, check_data, check_trained_classes
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = inf\n", "NameError: name 'inf' is not defined (line 1 of"),
        ("a = 1\nb = a / 0\n", "ZeroDivisionError: division by zero (line 2 of"),
        ("a = dict(b=1)\nc = a['d']\n", "KeyError: 'd' (line 2 of"),
        ("a = [1][3]\n", "IndexError"),
        ("a = int('x')\n", "ValueError"),
        ("raise RuntimeError('stop')\n", "RuntimeError: stop"),
        ("_base_ = 'absent.py'\n", "absent.py"),
        ("_base_ = 3\n", "cannot be read"),
        ("a = dict(\n", "cannot be read"),
        ("root = '{{$TOY_UNSET:data/my (new) set}}'\n", "TOY_UNSET"),
    ],
)
def test_error_in_a_config_file(tmp_path, text, said):
    path = tmp_path / "config.py"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_config(path)
    assert said in str(error.value) and "config.py" in str(error.value)
    assert "\n" not in str(error.value)


def test_error_in_a_base_names_the_base(tmp_path):
    (tmp_path / "base.py").write_text("x = 1\ny = undefined\n")
    (tmp_path / "config.py").write_text("_base_ = './base.py'\n")
    with pytest.raises(UserError, match=r"undefined.*line 2 of .*base\.py"):
        load_config(tmp_path / "config.py")


def test_what_is_no_config(tmp_path):
    (tmp_path / "config.txt").write_text("a = 1\n")
    with pytest.raises(UserError, match="py/yml/yaml/json"):
        load_config(tmp_path / "config.txt")
    with pytest.raises(UserError, match="is a folder"):
        load_config(tmp_path)


def test_numbers_that_are_not_finite_come_back(tmp_path):
    path = tmp_path / "config.py"
    path.write_text("a = float('inf')\nb = [1.0, (-float('inf'), 2)]\nc = dict(d=float('nan'))\n")
    cfg = load_config(path, {"c.e": float("inf")})
    cfg.dump(tmp_path / "written.py")
    again = load_config(tmp_path / "written.py")
    assert again.a == math.inf and again.b[1][0] == -math.inf and again.c.e == math.inf
    assert math.isnan(again.c.d)
    assert pickle.loads(pickle.dumps(cfg.a)) == math.inf


def test_blanks_in_names_stay():
    found = parse_options(["a=data/my set", "b=[1,2]", "c='two words'", "d=None", "e=1.5"])
    assert found == {"a": "data/my set", "b": [1, 2], "c": "two words", "d": None, "e": 1.5}


def model(dense: int = 2, head: int = 2, rows: int = 2) -> dict:
    coder = {"means": [(1, 1, 1)] * rows, "stds": [(1, 1, 1)] * rows}
    head = {"num_classes": head, "dim_coder": coder}
    return {"dense_head": {"num_classes": dense}, "bbox_head": head}


def loader(*names: str) -> dict:
    return {"dataset": {"type": "NuScenesMonoDataset", "metainfo": {"classes": names}}}


def test_classes_that_agree():
    both = {"train_dataloader": loader("car", "bus"), "val_dataloader": loader("car", "bus")}
    check_classes(Config({**both, "model": model()}), ["train_dataloader", "val_dataloader"])
    wrapped = {"type": "EProPnPTTA", "module": model()}
    check_classes(Config({**both, "model": wrapped}), ["train_dataloader", "val_dataloader"])
    check_classes(
        Config({"train_dataloader": {"dataset": {"type": "Unknown"}}}), ["train_dataloader"]
    )


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (model(dense=3), "model.dense_head.num_classes 3"),
        (model(head=10), "model.bbox_head.num_classes 10"),
        (model(rows=10), "model.bbox_head.dim_coder.means 10"),
        (model(3, 3, 3), "train_dataloader.dataset.metainfo.classes has 2 classes"),
    ],
)
def test_classes_of_the_model_that_differ(network, said):
    cfg = Config({"train_dataloader": loader("car", "bus"), "model": network})
    with pytest.raises(UserError, match=said):
        check_classes(cfg, ["train_dataloader"])


@pytest.mark.parametrize("others", [("bus", "car"), ("car",), ("car", "truck")])
def test_classes_of_data_sets_that_differ(others):
    cfg = {"train_dataloader": loader("car", "bus"), "val_dataloader": loader(*others)}
    with pytest.raises(UserError, match="give all data sets the same classes in the same order"):
        check_classes(Config(cfg), ["train_dataloader", "val_dataloader"])


def test_default_classes_are_those_of_the_data_set():
    datasets = [{"type": "NuScenesMonoDataset"}, loader("car", "bus")["dataset"]]
    cfg = Config({"train_dataloader": {"dataset": {"type": "ConcatDataset", "datasets": datasets}}})
    with pytest.raises(UserError, match=r"datasets.1.metainfo.classes is \(car, bus\)"):
        check_classes(cfg, ["train_dataloader"])


def test_classes_of_a_checkpoint():
    cfg = Config({"test_dataloader": loader("car", "bus")})
    for meta in ({}, {"dataset_meta": None}, {"dataset_meta": {"classes": ("car", "bus")}}):
        check_trained_classes(cfg, "test_dataloader", {"meta": meta}, "a.pth")
    other = {"meta": {"dataset_meta": {"classes": ["bus", "car"]}}}
    with pytest.raises(UserError, match=r"a.pth was trained on the classes \(bus, car\)"):
        check_trained_classes(cfg, "test_dataloader", other, "a.pth")


def test_classes_that_are_a_word(tmp_path):
    cfg = {"train_dataloader": {"dataset": {"type": "A", "metainfo": {"classes": "car"}}}}
    with pytest.raises(UserError, match=r"is 'car', neither a list .* write \[car\]"):
        check_classes(Config(cfg), ["train_dataloader"])
    listed = tmp_path / "names.txt"
    listed.write_text("car\nbus\n")
    cfg["train_dataloader"]["dataset"]["metainfo"]["classes"] = str(listed)
    check_classes(Config({**cfg, "model": model()}), ["train_dataloader"])


@pytest.mark.parametrize("dataset", [None, 3])
def test_no_data_set(dataset):
    with pytest.raises(UserError, match="train_dataloader.dataset is no dict"):
        check_data(Config({"train_dataloader": {"dataset": dataset}}), ["train_dataloader"])


def test_no_transforms(tmp_path):
    loader = {"dataset": {"type": "D", "pipeline": [], "ann_file": "a"}}
    with pytest.raises(UserError, match="loader.dataset.pipeline is empty"):
        check_data(Config({"loader": loader}), ["loader"])


def test_no_classes():
    loader = {"dataset": {"type": "D", "metainfo": {"classes": None}}}
    with pytest.raises(UserError, match="loader.dataset.metainfo.classes is None: list names"):
        check_classes(Config({"loader": loader}), ["loader"])


def test_variable_that_breaks_a_config(tmp_path, monkeypatch):
    (tmp_path / "config.py").write_text("root = '{{$NUSCENES_ROOT:data}}'\n")
    monkeypatch.setenv("NUSCENES_ROOT", "/my 'own' data")
    with pytest.raises(UserError, match="variable NUSCENES_ROOT is .* quote"):
        load_config(tmp_path / "config.py")
