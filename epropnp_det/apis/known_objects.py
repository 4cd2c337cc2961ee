"""The objects whose poses a network of 6 DoF tells: their numbers, names, scales and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmdet3d.registry import DATASETS
from mmengine.config import Config

from ..datasets.bop import model_ids, read_models
from ..errors import UserError


@dataclass(frozen=True)
class KnownObjects:
    """Objects that a network was trained on, by their number.

    Attributes:
        names: of the objects, in the order of their labels.
        half_sizes: (3,) float32 metres each, by which coordinates are multiplied.
        folder: of their models, None if there is none.
    """

    names: Mapping[int, str]
    half_sizes: Mapping[int, np.ndarray]
    folder: Path | None

    @classmethod
    def of_network(cls, cfg: Config, meta: Mapping, models: str | Path | None) -> KnownObjects:
        """Those of a checkpoint or, if it does not tell, of the config's test data.

        Args:
            cfg: the config.
            meta: of the checkpoint.
            models: folder with ``models_info.json``, in place of the one that the test data have.

        Raises:
            UserError: the folder is missing or not of BOP's form, or lacks all of the objects.
        """
        dataset = cfg.test_dataloader.dataset
        folder = _model_folder(dataset, models)
        described = meta.get("dataset_meta") or {}
        if not {"obj_ids", "classes"} <= described.keys():
            # Of a path from the root, the data set's own folder does not count.
            absolute = folder and str(folder.absolute())
            settings = dict(dataset, models=absolute, lazy_init=True, pipeline=[])
            described = DATASETS.build(settings).metainfo
        names = dict(zip(described["obj_ids"], described["classes"], strict=True))
        if folder is None:
            return cls(names, {number: np.ones(3, np.float32) for number in names}, None)
        here = set(model_ids(folder))
        names = {number: name for number, name in names.items() if number in here}
        if not names:
            raise UserError(
                f"{folder} has none of the objects that the network was trained on "
                f"({_listed(described['obj_ids'])}): name the folder of their models."
            )
        sizes = {k: m.half_size for k, m in read_models(folder, list(names), False).items()}
        return cls(names, sizes, folder)

    def label(self, obj_id: int) -> int:
        """Index of an object among those that are known.

        Raises:
            UserError: it is none of them.
        """
        if obj_id not in self.names:
            raise UserError(
                f"the network knows no object {obj_id}: give one of {_listed(self.names)}."
            )
        return list(self.names).index(obj_id)


def _model_folder(dataset: Mapping, models: str | Path | None) -> Path | None:
    """The folder of the models, None where the data set has none."""
    if models is None:
        name = dataset.get("models", "models")
        if name is None:
            return None
        folder = Path(dataset["data_root"], name)
    else:
        folder = Path(models)
    if not folder.is_dir():
        raise UserError(
            f"the folder of models {folder} does not exist: name the one of models_info.json with "
            "--models (models=)."
        )
    return folder


def _listed(numbers: Sequence[int] | Mapping[int, str]) -> str:
    return ", ".join(map(str, numbers))
