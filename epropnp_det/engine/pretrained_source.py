"""From the name of pretrained weights in a config to a file on this machine, looked into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import mmengine
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import (
    _get_mmengine_home,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)

from ..errors import UserError
from ..spelling import nearest
from ..zoo.backbones import BACKBONES, backbone_at, hub_folder
from ..zoo.download import RemoteFile, download
from .checkpoint import check_checkpoint

_TORCHVISION = ("modelzoo", "torchvision")


def scheme(name: str) -> str:
    """What stands before ``://``; empty for a local path."""
    head, found, _ = name.partition("://")
    return head if found else ""


def needs_torchvision(name: str) -> bool:
    """Whether mmengine imports torchvision to find out what a name stands for."""
    return scheme(name) in _TORCHVISION


def resolve(name: str) -> str:
    """The address or local path that mmengine has for a name; found without torchvision.

    Args:
        name: as in a config: a path, an address, or of one of mmengine's lists.

    Raises:
        UserError: it is not in its list.
    """
    model = name.partition("://")[2]
    if needs_torchvision(name):
        return _listed(name, model, _torchvision_models(model))
    if scheme(name) in ("open-mmlab", "openmmlab"):
        model = get_deprecated_model_names().get(model, model)
        address = _listed(name, model, get_external_models())
        return address if scheme(address) else str(Path(_get_mmengine_home(), address))
    if scheme(name) == "mmcls":
        return _listed(name, model, get_mmcls_models())
    return name


def have(address: str) -> None:
    """Have the file of an address on this machine, as mmengine will look for it.

    Args:
        address: as `resolve` returns it. A file from elsewhere is fetched into the cache of
            torch.hub, unless it is there.

    Raises:
        UserError: it cannot be had, is another one than its name says, or holds more than tensors
            and plain data.
    """
    if scheme(address) in ("http", "https"):
        _have_cached(address)
    elif scheme(address):
        _try_store(address)
    else:
        check_checkpoint(Path(address).expanduser())


def _have_cached(address: str) -> None:
    backbone = backbone_at(address)
    file = BACKBONES[backbone] if backbone else RemoteFile.at(address)
    if not file.name:
        raise UserError(f"{address} names no file: correct it.")
    path = hub_folder() / file.name
    download(file, path)
    try:
        check_checkpoint(path)
    except UserError as error:
        sentence = str(error).removesuffix(".")
        raise UserError(f"{sentence}; delete it to have it fetched anew.") from error


def _try_store(address: str) -> None:
    """Read from a store of mmengine's or of a plugin, which keeps no file that could be looked at.

    Raises:
        UserError: that fails.
    """
    try:
        CheckpointLoader.load_checkpoint(address, map_location="cpu", logger="silent")
    # The client of such a store may raise anything.
    except Exception as error:
        words = " ".join(str(error).split())
        raise UserError(
            f"reading it failed ({type(error).__name__}: {words}): correct it."
        ) from error


def _torchvision_models(model: str) -> Mapping[str, str | None]:
    """Addresses by the names of torchvision 0.12; if this is none of them, of the one there is."""
    path = Path(mmengine.__path__[0], "hub", "torchvision_0.12.json")
    models = json.loads(path.read_text(encoding="utf-8"))
    if model not in models:
        with suppress(ImportError):
            return get_torchvision_models()
    return models


def _listed(name: str, model: str, models: Mapping[str, str | None]) -> str:
    address = models.get(model)
    if address is None:
        known = (other for other, found in models.items() if found)
        here = " without torchvision" if needs_torchvision(name) else ""
        raise UserError(
            f"mmengine has no address of it{here}{nearest(model, known)}: correct {name}."
        )
    return address
