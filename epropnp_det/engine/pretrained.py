"""Pretrained weights that a config asks for: there before any data is loaded, and fitting.

mmengine fetches them when everything else is ready, unpickles whatever arrives, and says no more
than a warning about weights of another network, which leave the model with random ones.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.model.weight_init import PretrainedInit
from torch import nn

from ..errors import UserError
from ..zoo.backbones import backbone_at
from .pretrained_source import have, needs_torchvision, resolve, scheme

# What loading code was seen to raise on a file of another network.
FOREIGN_FILE_ERRORS = (
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
FILE_ENDINGS = (".bin", ".ckpt", ".pkl", ".pt", ".pth", ".tar")


@dataclass(frozen=True)
class _Entry:
    """Where a config names a file of pretrained weights.

    Attributes:
        node: the dict that names it.
        field: under which of its keys.
        place: dotted key of the dict.
        settable: `--cfg-options` reaches it, which does not look into tuples.
    """

    node: dict
    field: str
    place: str
    settable: bool

    @property
    def key(self) -> str:
        """Dotted key of the name."""
        return f"{self.place}.{self.field}"

    @property
    def checkpoint(self) -> object:
        """The name."""
        return self.node[self.field]

    def have(self) -> None:
        """Have the file on this machine, and named so that no torchvision is needed.

        Raises:
            UserError: with the key, and how to start nevertheless.
        """
        name = address = self.checkpoint
        if not isinstance(name, str):
            raise UserError(f"{self.key} is {name!r}, which names no file: {self._mends('')}.")
        try:
            address = resolve(name)
            have(address)
        except UserError as error:
            sentence = str(error).removesuffix(".")
            own = sentence.startswith(f"{name} ")
            told = f"which{sentence.removeprefix(name)}" if own else f"but {sentence}"
            raise UserError(
                f"{self.key} asks for {name}, {told}, or {self._mends(address)}."
            ) from error
        if needs_torchvision(name):
            self.node[self.field] = address

    def _mends(self, address: str) -> str:
        option, where = ("--cfg-options ", "") if self.settable else ("", " in the config")
        without = f"`{option}{self._switch()}=None`{where} to start without it"
        own = f"{self.key}=FILE"
        if scheme(str(self.checkpoint)) == "mmcls":
            # Of a classifier mmengine takes the backbone, but of itself from this address alone.
            if self.field == "pretrained":
                return f"say {without}"
            own += f" {self.place}.prefix=backbone"
        backbone = backbone_at(address)
        file = (
            f"the file that `tools/download_checkpoint.py {backbone} --out DIR` fetches where "
            "there is a network"
            if backbone
            else "a file of your own"
        )
        return f"say `{option}{own}`{where} with {file}, or {without}"

    def _switch(self) -> str:
        """Dotted key that is None in a config that starts without the file."""
        if self.field == "pretrained":
            return self.key
        head, found, _ = self.place.rpartition("init_cfg")
        return head + found if found else self.place


def prepare_pretrained(cfg: Config) -> None:
    """Have the files that a config's model starts from on this machine, verified and looked into.

    They are looked for where mmengine will look, which is the cache of torch.hub for what comes
    from elsewhere, and fetched to there. In the config, names that only an installed torchvision
    could resolve become addresses, and the older argument ``pretrained`` becomes an ``init_cfg``.

    Args:
        cfg: the config; changed in place.

    Raises:
        UserError: a file cannot be had, is another one than its name says, or holds more than
            tensors and plain data; with the config's key for it and how to start nevertheless.
    """
    for entry in list(_entries(cfg.get("model"), "model")):
        entry.have()
        if entry.field == "pretrained":
            _modernise(entry.node)


def check_pretrained(model: nn.Module) -> None:
    """Make sure that the files that a model will start from are of its own network.

    Args:
        model: built, and not initialised yet; wrapped for distributed runs or not.

    Raises:
        UserError: as `prepare_pretrained`, for files that no config names, but a module's default;
            a file has fewer than half of the parameters that it is for.
    """
    while is_model_wrapper(model):
        model = model.module
    for name, module in model.named_modules():
        key = f"model.{name}" if name else "model"
        entries = _entries_of(module, key)
        for entry in entries:
            entry.have()
        own = [entry for entry in entries if ".override" not in entry.place]
        if own and hasattr(module, "init_weights"):
            _check_match(module, key, own)


def forget_pretrained(model: nn.Module) -> None:
    """Have a built model not ask for pretrained weights, since a checkpoint will replace them all.

    Args:
        model: changed in place; wrapped for distributed runs or not.
    """
    for module in model.modules():
        if _entries_of(module, ""):
            module.init_cfg = None
            if "pretrained" in vars(module):
                module.pretrained = None


def _entries(node: object, place: str, settable: bool = True) -> Iterator[_Entry]:
    """Names of pretrained files at or below a config node."""
    if isinstance(node, dict):
        if _is_pretrained(node):
            yield _Entry(node, "checkpoint", place, settable)
        elif _names_file(node.get("pretrained")):
            yield _Entry(node, "pretrained", place, settable)
        for name, child in node.items():
            yield from _entries(child, f"{place}.{name}", settable)
    elif isinstance(node, (list, tuple)):
        for i, child in enumerate(node):
            yield from _entries(child, f"{place}.{i}", settable and isinstance(node, list))


def _entries_of(module: nn.Module, key: str) -> list[_Entry]:
    """Names of pretrained files that a module will load into itself."""
    found = list(_entries(getattr(module, "init_cfg", None), f"{key}.init_cfg"))
    # mmdet's DetectoRS_ResNet keeps the name here alone.
    if not found and _names_file(vars(module).get("pretrained")):
        found.append(_Entry(vars(module), "pretrained", key, settable=True))
    return found


def _is_pretrained(node: dict) -> bool:
    kind = node.get("type")
    if "checkpoint" not in node:
        return False
    if inspect.isclass(kind):
        return issubclass(kind, PretrainedInit)
    return isinstance(kind, str) and kind.rpartition(".")[2] == "Pretrained"


def _names_file(value: object) -> bool:
    """Whether an argument ``pretrained`` is a file's name, not a switch or a model's name."""
    return isinstance(value, str) and (bool(scheme(value)) or value.endswith(FILE_ENDINGS))


def _modernise(node: dict) -> None:
    """Turn the older argument into an ``init_cfg``, which all modules heed that take it.

    mmdet's SwinTransformer accepts the older one, and then starts at random.
    """
    kind = node.get("type")
    cls = MODELS.get(kind) if isinstance(kind, str) else kind
    if cls and not node.get("init_cfg") and "init_cfg" in inspect.signature(cls).parameters:
        node["init_cfg"] = dict(type="Pretrained", checkpoint=node.pop("pretrained"))


class _AllGiven(Exception):
    """A module has read its files, and nothing needs to be loaded on trial any more."""


def _check_match(module: nn.Module, key: str, entries: list[_Entry]) -> None:
    """Make sure that a module will find at least half of its parameters."""
    names = " and ".join(str(entry.checkpoint) for entry in entries)
    mend = (
        "correct init_cfg (or pretrained) of that module, or set it to None to start without, as "
        f"by `--cfg-options {key}.init_cfg=None`."
    )
    try:
        shapes = _given(module, len(entries))
    except FOREIGN_FILE_ERRORS as error:
        words = " ".join(str(error).split())
        raise UserError(
            f"{names}, from which {key} is to start, is of another network, at which loading fails "
            f"({type(error).__name__}: {words}): {mend}"
        ) from error
    parameters = dict(module.named_parameters())
    found = sum(shapes.get(name) == value.shape for name, value in parameters.items())
    if 2 * found < len(parameters):
        raise UserError(
            f"{names}, from which {key} is to start, has {found} of its {len(parameters)} "
            f"parameters, and so is of another network: {mend}"
        )


def _given(module: nn.Module, num_files: int) -> dict[str, torch.Size]:
    """Names and shapes of what a module's initialisation reads from its files.

    mmengine and each backbone with a loading of its own look into other containers, strip other
    prefixes and convert other names. So a copy is initialised, up to where it has read them.
    """
    shapes, given = {}, 0

    def note(state: Mapping[str, object], *_: object) -> None:
        nonlocal given
        shapes.update((name, getattr(value, "shape", None)) for name, value in state.items())
        given += 1
        if given == num_files:
            raise _AllGiven

    trial = copy.deepcopy(module).cpu()
    # By its private name, which it already had in PyTorch 2.1.
    trial._register_load_state_dict_pre_hook(note)
    # The training draws the same numbers with and without the trial.
    with torch.random.fork_rng(devices=[]), suppress(_AllGiven):
        trial.init_weights()
    return shapes
