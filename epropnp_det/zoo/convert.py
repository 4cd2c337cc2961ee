"""From a published checkpoint to one of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from mmdet3d.registry import MODELS as NETWORKS
from mmengine import DefaultScope
from torch import Tensor, nn

from ..datasets.nuscenes_names import CLASSES
from ..engine.checkpoint import check_checkpoint, save_checkpoint
from ..engine.config import load_config
from ..errors import UserError
from .download import sha256
from .models import MODELS, structure_of
from .names import our_name
from .origin import Origin
from .published_model import PublishedModel


@dataclass(frozen=True)
class Conversion:
    """What a conversion did.

    Attributes:
        model: what the file holds.
        source_sha256: of the published file, in hexadecimal digits.
        num_converted: tensors that were renamed and written.
        dropped: published names of those that the network has no use for.
    """

    model: PublishedModel
    source_sha256: str
    num_converted: int
    dropped: tuple[str, ...]


def recognise(names: Iterable[str], choice: str | None = None) -> PublishedModel:
    """The published model whose parameters have these names.

    Some differ in nothing but their training, so that a choice is needed.

    Args:
        names: of a published state dict.
        choice: the name of the model; None where the parameters tell.

    Raises:
        UserError: the names fit no published model, or not the chosen one, or more than one
            without a choice.
    """
    structure = structure_of(names)
    fitting = [name for name, model in MODELS.items() if model.structure == structure]
    if not fitting:
        raise UserError("its parameter names are those of no published model.")
    if choice is None and len(fitting) > 1:
        raise UserError(
            f"it may hold {' or '.join(fitting)}, whose parameters have the same names and "
            "shapes: say which with --model."
        )
    if choice is not None and choice not in fitting:
        raise UserError(
            f"it does not hold {choice}: its names are those of {' or '.join(fitting)}."
        )
    return MODELS[choice or fitting[0]]


def convert_weights(
    published: Mapping[str, Tensor], network: nn.Module, absent: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Rename the parameters and buffers of a published model to those of our network.

    Args:
        published: state dict under published names.
        network: ours; on the meta device will do.
        absent: prefixes of our names that need not be published.

    Returns:
        The state dict under our names.

    Raises:
        UserError: naming what the network has no place for, what it misses, or what is of another
            shape.
    """
    wanted = network.state_dict()
    source = {our_name(name): name for name in published}
    misfits = {
        "left over": [name for name in published if our_name(name) not in wanted],
        "missing": [name for name in wanted if name not in source and not name.startswith(absent)],
        "of another shape": [
            name
            for name, value in published.items()
            if our_name(name) in wanted and value.shape != wanted[our_name(name)].shape
        ],
        "given twice": [name for name in published if source[our_name(name)] != name],
    }
    found = [f"{what} {_listed(names)}" for what, names in misfits.items() if names]
    if found:
        raise UserError(f"its parameters do not fit the network of the config: {'; '.join(found)}.")
    return {ours: published[theirs] for ours, theirs in source.items()}


def _listed(names: list[str], most: int = 10) -> str:
    """Names, of which a file of another kind may have hundreds."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def build_network(config: str | Path) -> nn.Module:
    """Network of a config on the meta device: names and shapes, without memory and values."""
    cfg = load_config(str(config))
    with DefaultScope.overwrite_default_scope("mmdet3d"), torch.device("meta"):
        return NETWORKS.build(cfg.model)


def convert_checkpoint(
    source: str | Path, target: str | Path, root: str | Path, choice: str | None = None
) -> Conversion:
    """Convert a published checkpoint into one that mmengine loads.

    The source is read as plain data and tensors. The target holds the weights, and as ``meta`` the
    class names, the config, and its :class:`~epropnp_det.zoo.origin.Origin`; it appears only when
    it is whole.

    Args:
        source: the published file.
        target: the file to write; its folder is made.
        root: folder that holds ``configs``.
        choice: name of the published model, see :func:`recognise`.

    Raises:
        UserError: the source is broken, not trustworthy, converted already, or not a published
            model.
    """
    checkpoint = check_checkpoint(source)
    if origin := Origin.of(checkpoint):
        raise UserError(f"{source} is converted already ({origin}): use it as it is.")
    state = checkpoint["state_dict"]
    try:
        if not isinstance(state, Mapping) or not all(
            isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
        ):
            raise UserError("its state_dict is no mapping of names to tensors.")
        model = recognise(state, choice)
        dropped = tuple(name for name in state if name.startswith(model.dropped))
        kept = {name: value for name, value in state.items() if name not in dropped}
        network = build_network(Path(root, model.config))
        weights = convert_weights(kept, network, model.absent)
    except UserError as error:
        raise UserError(f"{source} cannot be converted: {error}") from error
    origin = Origin(model.name, sha256(source))
    described = dict(classes=model.classes or CLASSES)
    meta = dict(dataset_meta=described, config=model.config, **origin.as_meta())
    save_checkpoint(dict(meta=meta, state_dict=weights), target)
    return Conversion(model, origin.sha256, len(weights), dropped)
