"""Data loaders of any config, and what is wrong with them before the first step."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..errors import UserError

_SHARED_MEMORY = Path("/dev/shm")

# From here on nobody's workers fill it.
_PLENTY = 1 << 33

_MEND = (
    "look at the classes of its metainfo, its filters (filter_empty_gt, use_valid_flag, "
    "min_visibility) and its annotation file."
)


class _AllButClasses(list):
    """What may differ between data sets that are trained on together: whatever else describes them.

    mmengine asks of each key of their ``metainfo`` whether it is in this list.
    """

    def __contains__(self, key: str) -> bool:
        return key != "classes"


def mend_loader(loader: dict) -> dict:
    """A data loader's config that can be built.

    Settings of workers go where there are none, since PyTorch refuses them then. Data sets that
    are concatenated may be of different versions and tables.

    Args:
        loader: the config, which is not changed.

    Raises:
        UserError: it has no size of batches.
    """
    mended = dict(loader)
    size = mended.get("batch_size", 1)
    if "batch_sampler" not in mended and (not isinstance(size, int) or size < 1):
        raise UserError(f"the batch_size of a data loader is {size!r}: give at least 1.")
    if not mended.get("num_workers"):
        mended["persistent_workers"] = False
        for key in ("prefetch_factor", "multiprocessing_context", "timeout"):
            mended.pop(key, None)
    if isinstance(mended.get("dataset"), dict):
        mended["dataset"] = _with_any_origin(mended["dataset"])
    return mended


def _with_any_origin(dataset: dict) -> dict:
    dataset = dict(dataset)
    if isinstance(dataset.get("dataset"), dict):
        dataset["dataset"] = _with_any_origin(dataset["dataset"])
    if isinstance(dataset.get("datasets"), (list, tuple)):
        dataset["datasets"] = [
            _with_any_origin(each) if isinstance(each, dict) else each
            for each in dataset["datasets"]
        ]
        if str(dataset.get("type")).endswith("ConcatDataset"):
            dataset.setdefault("ignore_keys", _AllButClasses())
    return dataset


def check_shared_memory(loader: DataLoader) -> None:
    """Make sure that the shared memory holds what the workers prepare ahead.

    A worker that finds it full is killed, and the run waits for ever.

    Args:
        loader: an item of its data set is read where the memory is scarce.

    Raises:
        UserError: it is too small.
    """
    if not loader.num_workers or not _SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(_SHARED_MEMORY).free
    if free > _PLENTY or not len(loader.dataset):
        return
    images = loader.batch_size or getattr(loader.batch_sampler, "batch_size", 1)
    with _same_random_numbers():
        item = _tensor_bytes(loader.dataset[0])
    need = item * images * loader.num_workers * (loader.prefetch_factor or 2)
    if need > free:
        raise UserError(
            f"{_SHARED_MEMORY} has {free / 2**20:.0f} MB free, and {loader.num_workers} workers "
            f"need {need / 2**20:.0f} MB there for batches of {images}: give the container more "
            "(docker run --shm-size=8g), or have fewer workers, train_dataloader.num_workers=0 and "
            "val_dataloader.num_workers=0 for none."
        )


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """What is drawn within is drawn again afterwards: the memory must not decide on a training."""
    kept = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        yield
    random.setstate(kept[0])
    np.random.set_state(kept[1])


def _tensor_bytes(item: object) -> int:
    if isinstance(item, Tensor):
        return item.nbytes
    if isinstance(item, dict):
        return sum(map(_tensor_bytes, item.values()))
    if isinstance(item, (list, tuple)):
        return sum(map(_tensor_bytes, item))
    return 0


@contextmanager
def images_wanted() -> Iterator[None]:
    """Say so when a data set that is built within has no image left.

    Raises:
        UserError: in place of the error by which NumPy refuses to concatenate nothing.
    """
    try:
        yield
    except ValueError as error:
        if "need at least one array to concatenate" not in str(error):
            raise
        raise UserError(f"a data set of the config has no image: {_MEND}") from error


def check_something_to_learn(dataset: Dataset) -> None:
    """Make sure that a training set has an object in one of its images.

    Args:
        dataset: a data set of mmdet3d, or a wrapper of some; others pass.

    Raises:
        UserError: there is nothing to learn from.
    """
    if not hasattr(dataset, "get_data_info"):
        return
    infos = map(dataset.get_data_info, range(len(dataset)))
    if not any(_has_object(info.get("ann_info")) for info in infos):
        raise UserError(f"none of the {len(dataset)} training images has an object: {_MEND}")


def _has_object(annotations: dict | None) -> bool:
    if annotations is None or "gt_labels_3d" not in annotations:
        return True  # not a data set whose annotations are known
    return bool((annotations["gt_labels_3d"] >= 0).any())
