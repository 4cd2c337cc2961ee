import pytest
from mmengine.dataset import BaseDataset

from epropnp_det.datasets import KittiMonoDataset, NuScenesMonoDataset
from epropnp_det.datasets.bop import BOPDataset
from epropnp_det.datasets.subsets import SubsetsAlone


class Noted(SubsetsAlone):
    def load_data_list(self) -> list[dict]:
        return [{}, {}]


def test_subset_knows_nothing_of_copies_that_are_gone(monkeypatch):
    dataset = Noted()
    dataset.note = ["now"]
    (memo,) = BaseDataset._copy_without_annotation.__defaults__
    monkeypatch.setitem(memo, id(dataset.note), ["past"])
    subset = dataset.get_subset(1)
    assert len(subset) == 1 and subset.note == ["now"]


@pytest.mark.parametrize("dataset", [BOPDataset, KittiMonoDataset, NuScenesMonoDataset])
def test_data_sets_have_such_subsets(dataset):
    found = next(base for base in dataset.__mro__ if "_copy_without_annotation" in vars(base))
    assert found is SubsetsAlone
