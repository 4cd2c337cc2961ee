"""A dataset with classes of its own; the config imports this module, which registers it."""

from mmdet3d.registry import DATASETS

from epropnp_det.datasets import NuScenesMonoDataset


@DATASETS.register_module()
class YardDataset(NuScenesMonoDataset):
    """Forklifts and pallets, in the order of their labels; a colour each for mmdet3d's drawings."""

    METAINFO = dict(classes=("forklift", "pallet"), palette=[(230, 120, 20), (60, 140, 220)])
