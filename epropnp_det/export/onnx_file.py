"""Graphs of PyTorch as ONNX files."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from onnxscript.optimizer import fold_constants, remove_unused_nodes
from torch import Tensor, nn

from .. import __version__
from ..deploy.description import Description, to_metadata
from ..errors import UserError
from ..pnp.newer_torch import OLDEST_COMPILER, can_compile
from ..whole_file import whole_file
from .replacements import Replaced

OPSET = 21
"""Of ONNX's operators, the one that was tried."""


def versions() -> dict[str, str]:
    """Of what writes a file."""
    others = {name: metadata.version(name) for name in ("torch", "onnx", "onnxscript")}
    return {"epropnp_det": __version__, **others}


@torch.no_grad()
def write_onnx(
    path: str | Path,
    graph: nn.Module,
    inputs: dict[str, Tensor],
    outputs: Sequence[str],
    description: Description,
    dynamic_shapes: dict | None = None,
) -> None:
    """Export a module; the file is there whole or not at all.

    Args:
        path: the file.
        graph: in its mode of evaluation.
        inputs: an example of each, by name.
        outputs: their names.
        description: for the metadata.
        dynamic_shapes: sizes of the inputs that may be any, as of ``torch.export.export``.

    Raises:
        UserError: this PyTorch is older than the first whose exporter was tried.
    """
    if not can_compile():
        raise UserError(
            f"PyTorch {torch.__version__} is older than {OLDEST_COMPILER}, whose exporter was "
            "tried: install that to write files; they run without any."
        )
    with _silence():
        with Replaced():
            exported = torch.export.export(graph, (), kwargs=inputs, dynamic_shapes=dynamic_shapes)
        program = torch.onnx.export(
            exported,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            verbose=False,
            optimize=False,  # by rules that take longer than all else, and make nothing faster
        )
        fold_constants(program.model)
        remove_unused_nodes(program.model)
    # The exporter notes of every node from which line of which file it came.
    ClearMetadataAndDocStringPass()(program.model)
    program.model.metadata_props.update(to_metadata(description))
    with whole_file(path) as draft:
        program.save(str(draft), external_data=False)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The exporter prints its progress, and warns of what it does not need or has not folded."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
