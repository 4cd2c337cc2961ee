"""Training checkpoints that load under `torch.load(weights_only=True)`, and checks of them.

The message hub of mmengine 0.10.7 holds two things that the restricted unpickler rightly refuses.
Importing this module, as `custom_imports` does, has both saved as plain data:

- `HistoryBuffer` objects, whose pickle finds functions by way of `getattr`, become a call of
  `history_buffer` on two lists and a number. This call alone is allowed: not the class, since its
  `__setstate__` would let a file change the statistics of all buffers.
- NumPy scalars (the `eta`) become Python numbers. Allowing NumPy's own pickles instead would let a
  file set the flags of a `dtype`, by which NumPy tells numbers from pointers.
"""

import copyreg
import functools
import os
import pickle
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.utils import apply_to
from torch import nn

from ..errors import UserError
from ..whole_file import whole_file

# What reading a damaged file was seen to raise, in torch's unpickler and zip reader.
BROKEN_FILE_ERRORS = (
    AssertionError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
)


def history_buffer(log: list[float], count: list[float], max_length: int) -> HistoryBuffer:
    """Rebuild a `HistoryBuffer` from its plain contents.

    Args:
        log: (N,) logged values.
        count: (N,) weights of the values.
        max_length: number of values that are kept.
    """
    return HistoryBuffer(log, count, max_length)


def _reduce(buffer: HistoryBuffer) -> tuple:
    log, count = buffer.data
    return history_buffer, (log.tolist(), count.tolist(), buffer.max_length)


def _with_python_numbers(state_dict: Callable[[MessageHub], dict]) -> Callable[[MessageHub], dict]:
    @functools.wraps(state_dict)
    def plain(hub: MessageHub) -> dict:
        state = state_dict(hub)
        state["runtime_info"] = apply_to(
            state["runtime_info"], lambda x: isinstance(x, np.generic), lambda x: x.item()
        )
        return state

    return plain


def _allow_history_buffer() -> None:
    """Have the restricted unpickler call :func:`history_buffer`, and be what loads by default."""
    if hasattr(torch.serialization, "add_safe_globals"):
        torch.serialization.add_safe_globals([history_buffer])
    else:  # before PyTorch 2.4, which also allows the Counter of a schedule's milestones
        allowed = torch._weights_only_unpickler._get_allowed_globals()
        allowed.update({f"{c.__module__}.{c.__name__}": c for c in (history_buffer, Counter)})
    # mmengine does not ask for it, and it is the default from then on.
    if torch.__version__ < "2.6":
        os.environ.setdefault("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")


copyreg.pickle(HistoryBuffer, _reduce)
MessageHub.state_dict = _with_python_numbers(MessageHub.state_dict)
_allow_history_buffer()


def check_checkpoint(path: str | Path) -> dict:
    """Open a checkpoint without trusting it.

    Tensors stay on disk where the file format allows, so that the check is quick.

    Args:
        path: a local file.

    Returns:
        The checkpoint; bare weights are returned as `{'state_dict': weights}`.

    Raises:
        UserError: if the file is remote, missing or broken, holds more than plain data and tensors,
            or is no checkpoint.
    """
    if "://" in str(path):
        raise UserError(
            f"the checkpoint {path} is not on this machine and so cannot be checked: download it "
            "first and give the path of the file."
        )
    if not Path(path).is_file():
        raise UserError(f"the checkpoint {path} does not exist: give the path of a .pth file.")
    try:
        mapped = zipfile.is_zipfile(path)
        checkpoint = torch.load(str(path), map_location="cpu", weights_only=True, mmap=mapped)
    except BROKEN_FILE_ERRORS as error:
        if isinstance(error, pickle.UnpicklingError) and zipfile.is_zipfile(path):
            raise UserError(
                f"the checkpoint {path} holds objects other than tensors and plain data and was "
                "not loaded, since they could run code: save its state_dict alone where you "
                "trust it."
            ) from error
        raise UserError(
            f"the checkpoint {path} is broken or is no checkpoint of tensors and plain data: copy "
            "or download it anew."
        ) from error
    if not isinstance(checkpoint, dict):
        raise UserError(f"{path} holds a {type(checkpoint).__name__}, not a checkpoint.")
    return checkpoint if "state_dict" in checkpoint else {"state_dict": checkpoint}


def save_checkpoint(checkpoint: dict, path: str | Path) -> None:
    """Write a checkpoint that is there whole or not at all.

    Args:
        checkpoint: with a ``state_dict``.
        path: the file; its folder is made.

    Raises:
        UserError: it cannot be written.
    """
    try:
        with whole_file(path) as draft, open(draft, "wb") as file:
            torch.save(checkpoint, file)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}") from error


def check_fit(model: nn.Module, checkpoint: dict, path: str | Path) -> None:
    """Make sure that a checkpoint holds every parameter of a model.

    mmengine only logs what does not fit and goes on with random weights.

    Args:
        model: the model, wrapped for distributed runs and test-time augmentation or not.
        checkpoint: as `check_checkpoint` returns it.
        path: the checkpoint's file, for the message.

    Raises:
        UserError: naming the first parameter that is missing or of another shape.
    """
    misfits = _misfits(model, checkpoint)
    if misfits:
        raise UserError(
            f"the checkpoint {path} does not fit the model of this config: {len(misfits)} of "
            f"{len(_parameters(model))} parameters are missing or of another shape, the first is "
            f"{misfits[0]}."
        )


def describe_start(model: nn.Module, checkpoint: dict, path: str | Path) -> str | None:
    """What a training that starts from the weights of another does not take from there.

    Args:
        model: the model, wrapped for distributed runs or not.
        checkpoint: as `check_checkpoint` returns it.
        path: the checkpoint's file, for the message.

    Returns:
        A sentence; None where everything fits.

    Raises:
        UserError: nothing fits.
    """
    misfits = _misfits(model, checkpoint)
    total = len(_parameters(model))
    if len(misfits) == total:
        raise UserError(
            f"the checkpoint {path} has no parameter of the model of this config: it belongs to "
            "another network, so correct load_from."
        )
    if not misfits:
        return None
    classes = (checkpoint.get("meta", {}).get("dataset_meta") or {}).get("classes")
    trained = f", which was trained on {len(classes)} classes" if classes else ""
    return (
        f"{len(misfits)} of {total} parameters are not in {path}{trained}, or of another shape "
        f"there, and start at random: {', '.join(misfits)}."
    )


def _parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    while hasattr(model, "module"):
        model = model.module
    return dict(model.named_parameters())


def _misfits(model: nn.Module, checkpoint: dict) -> list[str]:
    """Parameters of a model that a checkpoint lacks or has in another shape."""
    stored = {key.removeprefix("module."): v for key, v in checkpoint["state_dict"].items()}
    return [
        name
        for name, parameter in _parameters(model).items()
        if getattr(stored.get(name), "shape", None) != parameter.shape
    ]
