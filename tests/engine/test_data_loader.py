"""Loaders of any config."""

import pytest
import torch
from mmengine.dataset import BaseDataset
from torch.utils.data import DataLoader, Dataset

from epropnp_det.engine import EProPnPRunner, data_loader
from epropnp_det.engine.data_loader import (
    check_shared_memory,
    check_something_to_learn,
    mend_loader,
)
from epropnp_det.errors import UserError


class Images(Dataset):
    """Items of one megabyte."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict:
        return {"inputs": {"img": torch.zeros(2**20, dtype=torch.uint8)}, "names": ["a"]}


class Listed(BaseDataset):
    """Items whose annotations are given."""

    def load_data_list(self) -> list[dict]:
        return [{"ann_info": {"gt_labels_3d": torch.tensor(each)}} for each in self.ann_file]

    def _join_prefix(self) -> None:
        pass


def config(**settings) -> dict:
    sampler = dict(type="DefaultSampler", shuffle=False)
    return dict(batch_size=1, dataset=Images(), sampler=sampler, **settings)


@pytest.mark.parametrize("workers", [0, 1])
def test_any_number_of_workers(workers):
    settings = config(num_workers=workers, persistent_workers=True, prefetch_factor=3)
    loader = EProPnPRunner.build_dataloader(settings)
    assert len(list(loader)) == 3
    assert loader.persistent_workers is (workers > 0)
    assert settings["persistent_workers"] is True


def test_workers_that_do_not_fit(monkeypatch):
    usage = type("usage", (), {"free": 7 * 2**20})
    monkeypatch.setattr(data_loader.shutil, "disk_usage", lambda path: usage)
    check_shared_memory(DataLoader(Images(), batch_size=3, num_workers=1))  # 6 MB
    check_shared_memory(DataLoader(Images(), batch_size=8))
    with pytest.raises(UserError, match="7 MB free, and 2 workers need 12 MB .*num_workers=0"):
        check_shared_memory(DataLoader(Images(), batch_size=3, num_workers=2))


def test_origin_may_differ_in_any_depth():
    inner = dict(type="ConcatDataset", datasets=[dict(type="A"), dict(type="B")])
    loader = dict(num_workers=1, dataset=dict(type="RepeatDataset", times=2, dataset=inner))
    mended = mend_loader(loader)["dataset"]["dataset"]
    for key in ("version", "categories", "anything"):
        assert key in mended["ignore_keys"]
    assert "classes" not in mended["ignore_keys"]
    assert "ignore_keys" not in inner
    own = dict(dataset=dict(inner, ignore_keys=["x"]))
    assert mend_loader(own)["dataset"]["ignore_keys"] == ["x"]


@pytest.mark.parametrize("labels", [[[0]], [[], [-1], [2]]])
def test_something_to_learn(labels):
    check_something_to_learn(Listed(labels))


@pytest.mark.parametrize(
    ("labels", "said"), [([[]], "has an object"), ([[], [-1, -1]], "none of the 2")]
)
def test_nothing_to_learn(labels, said):
    with pytest.raises(UserError, match=said):
        check_something_to_learn(Listed(labels))


def test_data_of_another_kind_is_only_counted():
    check_something_to_learn(Images())


def test_no_image():
    dataset = dict(type=Listed, ann_file=[])
    with pytest.raises(UserError, match="has no image"):
        EProPnPRunner.build_dataloader(config(num_workers=0) | dict(dataset=dataset))


@pytest.mark.parametrize("size", [None, 0, "two"])
def test_size_of_a_batch(size):
    with pytest.raises(UserError, match=f"batch_size of a data loader is {size!r}: give at least"):
        mend_loader({"batch_size": size, "dataset": {}})
    assert mend_loader({"batch_sampler": {}, "dataset": {}})["dataset"] == {}
