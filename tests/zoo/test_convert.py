"""Conversion of published checkpoints of full size, whose tensors all are one stored number."""

import functools
import hashlib
import os
from collections import OrderedDict

import pytest
import torch

from epropnp_det.datasets.nuscenes_names import CLASSES
from epropnp_det.engine.checkpoint import check_checkpoint
from epropnp_det.errors import UserError
from epropnp_det.zoo import convert
from epropnp_det.zoo.convert import build_network, convert_checkpoint
from epropnp_det.zoo.models import MODELS
from epropnp_det.zoo.names import our_name
from epropnp_det.zoo.object_pose_models import POSE_MODELS
from epropnp_det.zoo.origin import Origin
from epropnp_det.zoo.publish import publish_checkpoint

ALIKE = (
    ("basic", "coord_regr", "coord_regr_trainval"),
    ("v2", "v2_trainval"),
    tuple(model.name for model in POSE_MODELS if model.structure.weights),
)
LEFT_OUT = dict(no_reproj=2, cdpn_stage_1=2)
NOT_THERE = dict(cdpn_stage_1=5)


@pytest.fixture(autouse=True, scope="module")
def networks_are_built_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "build_network", functools.cache(build_network))
        yield


@pytest.fixture
def published(published_shapes):
    """State dict of a published model."""

    def make(model: str) -> OrderedDict:
        shapes = published_shapes(model).items()
        return OrderedDict((name, torch.tensor(0.5).expand(shape)) for name, shape in shapes)

    return make


@pytest.fixture
def save(tmp_path):
    def write(state, **options):
        path = tmp_path / "published.pth"
        torch.save(dict(meta=dict(epoch=12), state_dict=state), path, **options)
        return path

    return write


@pytest.mark.parametrize("name", MODELS)
def test_each_model_is_recognised_and_converted(name, published, save, tmp_path, repo_root):
    source, target = save(published(name)), tmp_path / "new" / "ours.pth"
    alike = next((group for group in ALIKE if name in group), ())
    if alike:
        with pytest.raises(UserError, match=f"may hold {' or '.join(alike)}.*--model"):
            convert_checkpoint(source, target, repo_root)
        assert not target.exists()
    done = convert_checkpoint(source, target, repo_root, name if alike else None)
    assert done.model is MODELS[name]
    assert done.source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert len(done.dropped) == LEFT_OUT.get(name, 0)
    assert [path.name for path in target.parent.iterdir()] == ["ours.pth"]

    ours = check_checkpoint(target)
    assert ours["meta"] == dict(
        dataset_meta=dict(classes=MODELS[name].classes or CLASSES),
        config=MODELS[name].config,
        published_model=name,
        source_sha256=done.source_sha256,
    )
    network = convert.build_network(repo_root / MODELS[name].config).state_dict()
    weights = ours["state_dict"]
    assert {key: x.shape for key, x in weights.items()} == {
        key: x.shape for key, x in network.items() if key in weights
    }
    assert done.num_converted == len(weights) == len(network) - NOT_THERE.get(name, 0)


def test_each_value_goes_to_its_name(published, save, tmp_path, repo_root):
    state = published("v1b_220411")
    for number, name in enumerate(state):
        state[name] = torch.tensor(float(number)).expand(state[name].shape)
    convert_checkpoint(save(state), tmp_path / "ours.pth", repo_root)
    ours = check_checkpoint(tmp_path / "ours.pth")["state_dict"]
    for number, name in enumerate(state):
        assert ours[our_name(name)].flatten()[0] == number


def test_origin_is_recorded_told_and_passed_on(published, save, tmp_path, repo_root):
    source, ours, small = save(published("v1b_220411")), tmp_path / "ours.pth", tmp_path / "s.pth"
    convert_checkpoint(source, ours, repo_root)
    origin = Origin("v1b_220411", hashlib.sha256(source.read_bytes()).hexdigest())
    publish_checkpoint(ours, small)
    for path in (ours, small):
        assert Origin.of(torch.load(path, weights_only=True)) == origin
        with pytest.raises(UserError, match=f"is converted already .*{origin.sha256}"):
            convert_checkpoint(path, tmp_path / "again.pth", repo_root)
    assert not (tmp_path / "again.pth").exists()


def test_wrong_choice(published, save, tmp_path, repo_root):
    source = save(published("v1b_220312"))
    with pytest.raises(UserError, match="does not hold v2: its names are those of v1b_220312"):
        convert_checkpoint(source, tmp_path / "ours.pth", repo_root, "v2")


def changed(state, case: str):
    if case == "shape":
        state["bbox_head.score_branch.weight"] = torch.zeros(1, 255)
    elif case == "missing":
        del state["bbox_head.score_branch.weight"]
    elif case == "left over":
        state["bbox_head.new.weight"] = torch.zeros(1)
    elif case == "many":
        state.update({f"new.{i}": torch.zeros(1) for i in range(100)})
    elif case == "twice":
        state["bbox_head.w2d_scale_branch.bias"] = state["bbox_head.scale_branch.bias"]
    elif case == "other":
        return {"backbone.conv1.weight": torch.zeros(1)}
    elif case == "no tensor":
        state["bbox_head.score_branch.weight"] = [0.0]
    elif case == "no dict":
        return [1]
    return state


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("shape", "of another shape bbox_head.score_branch.weight"),
        ("missing", "missing bbox_head.score_branch.weight"),
        ("left over", "left over bbox_head.new.weight"),
        ("many", "left over new.0, .*new.9 and 90 more"),
        ("twice", "given twice bbox_head.scale_branch.bias"),
        ("other", "no published model"),
        ("no tensor", "no mapping of names to tensors"),
        ("no dict", "no mapping of names to tensors"),
    ],
)
def test_what_does_not_fit_is_named(case, said, published, save, tmp_path, repo_root):
    source = save(changed(published("v1b_220411"), case))
    with pytest.raises(UserError, match=f"published.pth cannot be converted: .*{said}") as error:
        convert_checkpoint(source, tmp_path / "ours.pth", repo_root)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["published.pth"]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_all_that_an_old_runner_saved_is_plain(zipped, published, tmp_path, repo_root):
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    meta = dict(
        mmcv_version="1.4.0",
        time="Wed Mar 9 2022",
        epoch=12,
        iter=28130,
        env_info="sys.platform: linux",
        config="model = dict(type='EProPnPDet')",
        seed=0,
        exp_name="config.py",
        hook_msgs=dict(last_ckpt="latest.pth"),
        CLASSES=CLASSES,
        PALETTE=[(106, 0, 228)],
    )
    source, target = tmp_path / "published.pth", tmp_path / "ours.pth"
    torch.save(
        dict(meta=meta, state_dict=published("v1b_220411"), optimizer=optimizer.state_dict()),
        source,
        _use_new_zipfile_serialization=zipped,
    )
    convert_checkpoint(source, target, repo_root)
    assert check_checkpoint(target).keys() == {"meta", "state_dict"}


class Hostile:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_hostile_and_broken_files(published, save, tmp_path, repo_root):
    state, target = published("v1b_220411"), tmp_path / "ours.pth"
    state["extra"] = Hostile(f"touch {tmp_path / 'mark'}")
    with pytest.raises(UserError, match="could run code"):
        convert_checkpoint(save(state), target, repo_root)
    del state["extra"]
    source = save(state)
    source.write_bytes(source.read_bytes()[:-1000])
    with pytest.raises(UserError, match="published.pth is broken"):
        convert_checkpoint(source, target, repo_root)
    assert [path.name for path in tmp_path.iterdir()] == ["published.pth"]


def test_failure_leaves_the_old_target(published, save, tmp_path, repo_root, monkeypatch):
    source, target = save(published("v1b_220411")), tmp_path / "ours.pth"
    target.write_text("old")

    def full(checkpoint, file):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(convert.torch, "save", full)
    with pytest.raises(UserError, match="ours.pth cannot be written: No space left"):
        convert_checkpoint(source, target, repo_root)
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours.pth", "published.pth"]
