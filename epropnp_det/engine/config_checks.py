"""What a config alone tells to be wrong, before anything is built: data and classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mmdet3d.registry import DATASETS
from mmengine.config import Config

from ..datasets.bop import BOPDataset
from ..errors import UserError
from ..models.object_pose import EProPnP6DoF


def check_config(cfg: Config, loaders: Sequence[str]) -> None:
    """Make sure that the data of some loaders exist and are of the classes of the model.

    Args:
        cfg: the config.
        loaders: config keys of data loaders, for example `['train_dataloader']`.

    Raises:
        UserError: as `check_data`, `check_classes` and `check_attributes` do.
    """
    check_data(cfg, loaders)
    check_classes(cfg, loaders)
    check_attributes(cfg, loaders)


def check_detector(cfg: Config) -> None:
    """Make sure that the model finds objects in images.

    Args:
        cfg: the config.

    Raises:
        UserError: it has no model, or one that takes crops of known objects.
    """
    if _is_object_pose(cfg, "a detector"):
        raise UserError(
            "the config's model tells poses of crops of known objects, and a detector is asked "
            "for: name the config of one, or say which objects are in which boxes (in "
            "tools/infer.py with --object and --box)."
        )


def check_object_pose(cfg: Config) -> None:
    """Make sure that the model tells poses of crops of known objects.

    Args:
        cfg: the config.

    Raises:
        UserError: it has no model or no test data, or a model that finds objects by itself.
    """
    if not _is_object_pose(cfg, "a network of 6 DoF"):
        raise UserError(
            "the config's model finds objects by itself, and one that tells poses of known objects "
            "in boxes is asked for: name a config such as those in configs/epropnp_6dof."
        )
    dataset = (cfg.get("test_dataloader") or {}).get("dataset") or {}
    if dataset.get("type") != BOPDataset.__name__:
        raise UserError(
            "the config has no test_dataloader.dataset of the type BOPDataset, whose pipeline "
            "makes the crops: give one."
        )


def _is_object_pose(cfg: Config, wanted: str) -> bool:
    if cfg.get("model") is None:
        raise UserError(f"the config has no model: name that of {wanted}.")
    return cfg.model.get("type") == EProPnP6DoF.__name__


def check_data(cfg: Config, loaders: Sequence[str]) -> None:
    """Make sure that the folders and annotation files of some data loaders exist.

    Args:
        cfg: the config.
        loaders: config keys of data loaders; absent ones and remote paths are passed over.

    Raises:
        UserError: naming the file or folder and the config key that asks for it, or an empty
            pipeline.
    """
    for key, dataset in _datasets_of(cfg, loaders):
        if "pipeline" in dataset and not dataset["pipeline"]:
            raise UserError(
                f"{key}.pipeline is empty, so that nothing reads an image: list transforms there, "
                "the last of them Pack3DDetInputs."
            )
        if "ann_file" not in dataset:
            continue
        root, file = str(dataset.get("data_root") or ""), str(dataset["ann_file"] or "")
        if "://" in root + file:
            continue
        for name, path in (("data_root", Path(root)), ("ann_file", Path(root, file))):
            if not path.exists():
                raise UserError(
                    f"{path}, which {key}.{name} names, does not exist: prepare the data with "
                    f"tools/create_data.py or correct {key}.{name}."
                )


def check_classes(cfg: Config, loaders: Sequence[str]) -> None:
    """Make sure that data sets, heads and the coder of dimensions speak of the same classes.

    Otherwise a network trains in silence with the size of one class for another's.

    Args:
        cfg: the config; what it leaves to defaults is not compared.
        loaders: config keys of data loaders; absent ones are passed over.

    Raises:
        UserError: naming the two keys that differ, or one that names no classes.
    """
    classes = {}
    for key, dataset in _datasets_of(cfg, loaders):
        found = _classes(dataset)
        if found is None and "classes" in (dataset.get("metainfo") or {}):
            raise UserError(
                f"{key}.metainfo.classes is None: list names there, or leave it out for those of "
                "the data set."
            )
        if found is not None:
            if isinstance(found, str) and not Path(found).is_file():
                raise UserError(
                    f"{key}.metainfo.classes is {found!r}, neither a list of names nor a file that "
                    f"holds one: write [{found}]."
                )
            classes[f"{key}.metainfo.classes"] = _names(found)
    names = list(classes)
    for key in names[1:]:
        if classes[key] != classes[names[0]]:
            raise UserError(
                f"{names[0]} is {_listed(classes[names[0]])}, but {key} is "
                f"{_listed(classes[key])}: give all data sets the same classes in the same order."
            )
    counts = {key: len(classes[key]) for key in names[:1]} | dict(_model_counts(cfg))
    keys = list(counts)
    for key in keys[1:]:
        if counts[key] != counts[keys[0]]:
            raise UserError(
                f"{keys[0]} has {counts[keys[0]]} classes, but {key} {counts[key]}: data sets, "
                "heads and dim_coder must agree, in number and in order."
            )


def check_attributes(cfg: Config, loaders: Sequence[str]) -> None:
    """Make sure that the head has as many attributes as the data sets' rigs, and one for none.

    Args:
        cfg: the config; what it leaves to defaults is not compared.
        loaders: config keys of data loaders; absent ones are passed over.

    Raises:
        UserError: naming the two keys that differ.
    """
    heads = [(key, head["num_attrs"]) for key, head in _heads(cfg) if "num_attrs" in head]
    for key, dataset in _datasets_of(cfg, loaders):
        names = (dataset.get("rig") or {}).get("attributes")
        for head, count in heads if names else ():
            if count != len(names) + 1:
                raise UserError(
                    f"{key}.rig.attributes names {len(names)}, so {head}.num_attrs must be "
                    f"{len(names) + 1}, one more for none: it is {count}."
                )


def check_trained_classes(cfg: Config, loader: str, checkpoint: dict, path: str | Path) -> None:
    """Make sure that a network was trained on the classes that it is tested on.

    Args:
        cfg: the config.
        loader: config key of the data loader.
        checkpoint: as `check_checkpoint` returns it; one that does not tell its classes passes.
        path: the checkpoint's file, for the message.

    Raises:
        UserError: they are others, or in another order.
    """
    meta = checkpoint.get("meta", {}).get("dataset_meta") or {}
    trained = tuple(meta.get("classes") or ())
    for key, dataset in _datasets_of(cfg, [loader]):
        tested = _names(_classes(dataset) or ())
        if trained and tested and trained != tested:
            raise UserError(
                f"the checkpoint {path} was trained on the classes {_listed(trained)}, but "
                f"{key}.metainfo.classes is {_listed(tested)}: test with the config that it was "
                "trained with."
            )


def _names(classes: Sequence[str] | str) -> tuple[str, ...]:
    """Names of classes, of which a string is the path of a list."""
    if isinstance(classes, str):
        classes = Path(classes).read_text(encoding="utf-8").splitlines()
    return tuple(classes)


def _classes(dataset: dict) -> Sequence[str] | str | None:
    described = dataset.get("metainfo") or {}
    if "classes" in described:
        return described["classes"]
    if "classes" in (dataset.get("rig") or {}):
        return dataset["rig"]["classes"]
    cls = DATASETS.get(dataset["type"]) if isinstance(dataset.get("type"), str) else None
    return getattr(cls, "METAINFO", {}).get("classes")


def _heads(cfg: Config) -> Iterator[tuple[str, dict]]:
    """The heads of the model, with their dotted keys."""
    key, model = "model", cfg.get("model")
    while isinstance(model, dict) and "module" in model:  # test-time augmentation
        model, key = model["module"], f"{key}.module"
    for name in ("dense_head", "bbox_head"):
        yield f"{key}.{name}", (model or {}).get(name) or {}


def _model_counts(cfg: Config) -> Iterator[tuple[str, int]]:
    """Numbers of classes that the parts of the model state, with their dotted keys."""
    for key, head in _heads(cfg):
        if "num_classes" in head:
            yield f"{key}.num_classes", head["num_classes"]
        coder = head.get("dim_coder") or {}
        for table in ("means", "stds"):
            if table in coder:
                yield f"{key}.dim_coder.{table}", len(coder[table])


def _datasets_of(cfg: Config, loaders: Sequence[str]) -> Iterator[tuple[str, dict]]:
    for loader in loaders:
        node = cfg.get(loader)
        if node is None:
            continue
        if not isinstance(node, dict) or not isinstance(node.get("dataset"), dict):
            raise UserError(f"{loader}.dataset is no dict: describe a data set there.")
        yield from _datasets(node["dataset"], f"{loader}.dataset")


def _datasets(node: dict, key: str) -> Iterator[tuple[str, dict]]:
    """Data sets at or below a config node, wrapped ones included, with their dotted keys."""
    if "dataset" in node:
        yield from _datasets(node["dataset"], f"{key}.dataset")
    elif "datasets" in node:
        for i, child in enumerate(node["datasets"]):
            yield from _datasets(child, f"{key}.datasets.{i}")
    else:
        yield key, node


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"
