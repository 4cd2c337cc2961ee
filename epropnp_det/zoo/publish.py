"""From a training checkpoint to a small file that others can load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..engine.checkpoint import check_checkpoint, save_checkpoint
from ..engine.training_view import VIEW_KEY
from ..errors import UserError
from .download import sha256
from .origin import ORIGIN_KEYS

# What a checkpoint tells of its training, or of the file that it was converted from.
_KEPT = ("dataset_meta", "epoch", "iter", "seed", VIEW_KEY, *ORIGIN_KEYS)


@dataclass(frozen=True)
class PublishedFile:
    """A file to hand out.

    Attributes:
        path: where it is.
        num_parameters: numbers in its tensors.
        sha256: checksum, hexadecimal.
    """

    path: Path
    num_parameters: int
    sha256: str


def publish_checkpoint(source: str | Path, target: str | Path) -> PublishedFile:
    """Keep the weights of a checkpoint in half precision, and what is known of where they are from.

    The state of the optimizer and of the training go. Networks that load the file have their
    parameters in single precision as ever; what was between two half-precision numbers is lost.

    Args:
        source: a checkpoint of a training, or a converted one.
        target: the file to write; it appears only when it is whole.

    Raises:
        UserError: the source is missing, broken or not trustworthy, a weight is too large for half
            precision, or the target cannot be written.
    """
    checkpoint = check_checkpoint(source)
    weights = {name: _halved(name, value) for name, value in checkpoint["state_dict"].items()}
    meta = checkpoint.get("meta", {})
    kept = {key: meta[key] for key in _KEPT if key in meta}
    save_checkpoint(dict(meta=kept, state_dict=weights), target)
    return PublishedFile(
        Path(target), sum(value.numel() for value in weights.values()), sha256(target)
    )


def _halved(name: str, value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    halved = value.half()
    if halved.isinf().any() and not value.isinf().any():
        raise UserError(f"{name} holds {value.abs().max():.3g}, too large for half precision.")
    return halved
